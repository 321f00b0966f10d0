// HeldOut: which records of a source without a test part are its test part.
//
// Records come in runs of ten; of each whole run one, picked by a hash of the run's number, is
// held out. The records of an incomplete last run stay in the train part. So a record's part
// depends on its place alone, neighbours are spread evenly, and both parts keep the order of the
// source. Pure arithmetic, O(1); a value.
#pragma once

#include <cstdint>

#include "io/sources/source.hpp"

namespace podium::io {

class HeldOut {
 public:
  static constexpr uint64_t run = 10;

  // `records` of the whole source. With less than one run nothing is held out.
  explicit HeldOut(uint64_t records) : records_(records) {}

  uint64_t train_records() const { return records_ - test_records(); }
  uint64_t test_records() const { return records_ / run; }

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

// Tells people that `place` has no test part and what is done about it. Throws data_error when it
// has too few records to hold some out.
HeldOut hold_out(uint64_t records, const std::string& place, const Log& log);

}  // namespace podium::io
