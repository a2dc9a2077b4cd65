#pragma once

namespace zebu::consumer {

// Asks the scheduler to let this thread run in long slices, which others with the usual short ones may interrupt at any
// time (Linux 6.12 and later; earlier ones ignore it). It costs a computing thread nothing, its share of the processor
// stays the same; the loops and servers on the same cores answer at once instead of when its slice is over.
void run_in_long_slices();

}  // namespace zebu::consumer
