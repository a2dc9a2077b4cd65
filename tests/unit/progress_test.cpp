#include "zebu/progress.h"

#include "tests/support/catch.h"

#include <limits>
#include <string>

using zebu::append;
using zebu::Progress;

TEST_CASE("the latest progress and note win, and output is appended") {
  Progress all;
  CHECK(zebu::is_empty(all));
  append(all, 0.25, "reading", "one\n");
  append(all, {}, "", "two\n");
  append(all, 0.5, "", "");
  CHECK(all == Progress{0.5, "reading", "one\ntwo\n"});
  append(all, {}, "writing", "");
  CHECK(all == Progress{0.5, "writing", "one\ntwo\n"});
}

TEST_CASE("progress lies between 0 and 1, and NaN counts as no progress") {
  Progress all;
  append(all, -3, "", "");
  CHECK(all.done == 0);
  append(all, 42, "", "");
  CHECK(all.done == 1);
  append(all, std::numeric_limits<double>::quiet_NaN(), "", "");
  CHECK(all.done == 1);
}

TEST_CASE("of a long note the beginning is kept, of long output the end, and no character is cut") {
  Progress all;
  std::string text;
  while (text.size() < zebu::kMaxNote) text += "\u00fc!\u20ac";  // 2, 1 and 3 bytes
  append(all, {}, text, "");
  CHECK(all.note.size() <= zebu::kMaxNote);
  CHECK(all.note.size() > zebu::kMaxNote - 3);
  CHECK(text.rfind(all.note, 0) == 0);
  CHECK((static_cast<unsigned char>(text[all.note.size()]) & 0xc0) != 0x80);

  for (int i = 0; i < 30'000; ++i) append(all, {}, "", "\u20ac");
  append(all, {}, "", "!");
  CHECK(all.output.size() <= zebu::kMaxOutput);
  CHECK(all.output.size() > zebu::kMaxOutput - 3);
  CHECK(all.output.rfind("\u20ac", 0) == 0);
  CHECK(all.output.back() == '!');
  CHECK(all.offset + all.output.size() == 90'001);
}

TEST_CASE("reports are put together by their numbers: repeats are left out, and behind a gap output begins anew") {
  Progress all;
  append(all, Progress{0.1, "one", "abc", 0, 1});
  append(all, Progress{0.2, "two", "def", 3, 2});
  CHECK(all == Progress{0.2, "two", "abcdef", 0, 2});
  append(all, Progress{0.1, "one", "abc", 0, 1});
  CHECK(all == Progress{0.2, "two", "abcdef", 0, 2});
  append(all, Progress{{}, "", "efgh", 4, 3});
  CHECK(all == Progress{0.2, "two", "abcdefgh", 0, 3});
  append(all, Progress{{}, "", "z", 100, 9});
  CHECK(all == Progress{0.2, "two", "z", 100, 9});
  append(all, Progress{{}, "", "far behind", 3, 4});
  CHECK(all == Progress{0.2, "two", "z", 100, 9});
  // Who joins late begins where the report does.
  Progress late;
  append(late, Progress{{}, "", "xyz", 50, 8});
  CHECK(late == Progress{{}, "", "xyz", 50, 8});
}

TEST_CASE("what is cut off counts in the offset") {
  Progress all;
  append(all, {}, "", std::string(zebu::kMaxOutput + 10, 'a'));
  CHECK(all.offset == 10);
  append(all, {}, "", "bcd");
  CHECK(all.offset == 13);
  CHECK(all.output.size() == zebu::kMaxOutput);
  append(all, {}, "", std::string(2 * zebu::kMaxOutput, 'e'));
  CHECK(all.offset + all.output.size() == 3 * zebu::kMaxOutput + 13);
}

TEST_CASE("mended progress is UTF-8 within its limits") {
  Progress all{0.5, "no\xff", "out\xfe"};
  zebu::mend(all);
  CHECK(all == Progress{0.5, "no\ufffd", "out\ufffd"});
  all = {0.5, std::string(zebu::kMaxNote, '\xff'), std::string(zebu::kMaxOutput, '\xff')};
  zebu::mend(all);
  CHECK(all.note.size() == zebu::kMaxNote - zebu::kMaxNote % 3);
  CHECK(all.output.size() == zebu::kMaxOutput - zebu::kMaxOutput % 3);
}
