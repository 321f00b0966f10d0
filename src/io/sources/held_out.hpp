// HeldOut: which records of a source without a test part are its test part.
//
// Records come in runs of ten; of each run the one at a place picked by a hash of the run's number
// is held out, in an incomplete last run only if the place is among its records. So a record's part
// depends on its place alone, also when records are added behind it; neighbours are spread evenly,
// and both parts keep the order of the source. Pure arithmetic, O(1); a value.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "io/sources/source.hpp"

namespace podium::io {

class HeldOut {
 public:
  static constexpr uint64_t run = 10;

  // `records` of the whole source.
  explicit HeldOut(uint64_t records) : records_(records) {}

  uint64_t train_records() const { return records_ - test_records(); }
  uint64_t test_records() const;

  // The record of the source that is record `k` of a part. REQUIRES: k is below the part's count.
  uint64_t train_record(uint64_t k) const;
  uint64_t test_record(uint64_t k) const;

 private:
  uint64_t records_;
};

// A part of a source as records of what is stored: all of it, or what HeldOut leaves or takes.
class PartRecords {
 public:
  // All `records`, in order.
  static PartRecords all(uint64_t records) { return {records, HeldOut(records), Kind::all}; }
  // `part` of what is held out of `records`.
  static PartRecords of(const HeldOut& held_out, Part part);

  uint64_t count() const { return count_; }

  // The stored record that is record `k` of the part; ascends with k.
  uint64_t stored(uint64_t k) const;

 private:
  enum class Kind { all, train, test };
  PartRecords(uint64_t count, const HeldOut& held_out, Kind kind)
      : count_(count), held_out_(held_out), kind_(kind) {}

  uint64_t count_;
  HeldOut held_out_;
  Kind kind_;
};

// The parts, by Part, of a source of `records` that has no test part of its own: some are held out,
// which is told to people, unless options.hold_out is off. Throws data_error when they are too few.
std::array<PartRecords, 2> split_off_test(uint64_t records, const std::string& place,
                                          const SourceOptions& options);

}  // namespace podium::io
