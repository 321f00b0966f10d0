#include "io/sources/held_out.hpp"

#include "core/error.hpp"
#include "core/random.hpp"

namespace podium::io {
namespace {

// Which record of a run is held out.
uint64_t choice(uint64_t run_number) {
  return mix64(run_number) % HeldOut::run;
}

}  // namespace

uint64_t HeldOut::test_records() const {
  const uint64_t whole = records_ / run;
  return whole + (choice(whole) < records_ % run ? 1 : 0);
}

uint64_t HeldOut::train_record(uint64_t k) const {
  constexpr uint64_t left = run - 1;  // of each run
  const uint64_t number = k / left;
  const uint64_t place = k % left;
  return number * run + place + (place >= choice(number) ? 1 : 0);
}

uint64_t HeldOut::test_record(uint64_t k) const {
  return k * run + choice(k);
}

PartRecords PartRecords::of(const HeldOut& held_out, Part part) {
  if (part == Part::train) return {held_out.train_records(), held_out, Kind::train};
  return {held_out.test_records(), held_out, Kind::test};
}

uint64_t PartRecords::stored(uint64_t k) const {
  if (kind_ == Kind::all) return k;
  return kind_ == Kind::train ? held_out_.train_record(k) : held_out_.test_record(k);
}

std::array<PartRecords, 2> split_off_test(uint64_t records, const std::string& place,
                                          const SourceOptions& options) {
  if (!options.hold_out) return {PartRecords::all(records), PartRecords::all(0)};
  const HeldOut held_out(records);
  if (records < HeldOut::run) {
    throw data_error("there is no test part, and " + std::to_string(records) +
                         " records are too few to take one from",
                     place, "add a test part, or at least 10 records");
  }
  options.log.info(place + " has no test part: one record in ten is held out, " +
                   std::to_string(held_out.test_records()) + " of " + std::to_string(records));
  return {PartRecords::of(held_out, Part::train), PartRecords::of(held_out, Part::test)};
}

}  // namespace podium::io
