// Answers: what a server says in one call, in memory that it uses again.
#pragma once

#include <deque>
#include <span>
#include <string>
#include <vector>

#include "ps/server.hpp"

namespace podium::ps {

class Answers {
 public:
  void clear() { used_ = 0; }

  // An empty one, valid until the next add().
  Answer& add(Answer::To to, uint32_t number) {
    if (used_ == answers_.size()) {
      answers_.emplace_back();
      notes_.emplace_back();
    }
    Answer& answer = answers_[used_++];
    answer.to = to;
    answer.number = number;
    answer.message.header = Header();
    answer.message.segments.clear();
    answer.message.payload.clear();
    return answer;
  }
  // Memory for the payload of the last one, which stays until clear().
  std::vector<float>& values() { return notes_[used_ - 1].values; }
  std::vector<uint64_t>& words() { return notes_[used_ - 1].words; }
  std::string& text() { return notes_[used_ - 1].text; }

  std::span<const Answer> all() const { return std::span(answers_).first(used_); }

 private:
  struct Notes {
    std::vector<float> values;
    std::vector<uint64_t> words;
    std::string text;
  };
  std::vector<Answer> answers_;
  std::deque<Notes> notes_;
  size_t used_ = 0;
};

}  // namespace podium::ps
