#pragma once

namespace zebu::consumer {

// Asks the scheduler to run this thread in long slices, which threads with the usual short ones may preempt at any time
// (Linux 6.12 and later; earlier versions ignore it). The thread's share of the processor stays the same, and the loops
// and servers on the same cores answer at once instead of after its slice.
void run_in_long_slices();

}  // namespace zebu::consumer
