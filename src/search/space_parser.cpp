#include "search/space_parser.hpp"

#include <algorithm>
#include <charconv>

#include "nn/architecture_lexer.hpp"

namespace podium::search {
namespace {

using nn::architecture_error;
using Limits = nn::ArchitectureLimits;

constexpr std::string_view identity = "identity";

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

}  // namespace

void Space::Parser::parse() {
  if (text_.size() > Limits::text_bytes) {
    throw architecture_error("the text is " + std::to_string(text_.size()) + " bytes long",
                             Limits::text_bytes,
                             "the limit is " + std::to_string(Limits::text_bytes) + " bytes");
  }
  sequence(0, 0);
  if (at_ < text_.size()) {
    throw architecture_error("'" + std::string(1, text_[at_]) + "' outside of braces", at_,
                             "write alternatives as {8|16|32}");
  }
  flush(at_);
  if (space_.options_.empty()) {
    throw architecture_error("the text leaves nothing to choose", 0,
                             "write alternatives, for instance conv {8|16} 3");
  }
}

// Up to the `}` or `|` that ends it, or the end of the text.
void Space::Parser::sequence(int braces, int nesting) {
  if (nesting > Limits::depth) {
    throw architecture_error("braces nest too deeply", at_,
                             "the limit is " + std::to_string(Limits::depth) + " levels");
  }
  while (at_ < text_.size()) {
    const char c = text_[at_];
    if (c == '}' || c == '|') return;
    if (c == '{') {
      block(braces, nesting);
    } else if (is_letter(c)) {
      word(braces, nesting);
    } else {
      ++at_;
    }
  }
}

void Space::Parser::word(int braces, int nesting) {
  const size_t begin = at_;
  const std::string_view text = word_at(at_);
  at_ += text.size();
  if (text == "anchor") anchor(begin, braces);
  if (text == "repeat") repeat(begin, braces, nesting);
}

// Copies that decide nothing stay as they are, as does what is no `repeat N {`.
void Space::Parser::repeat(size_t begin, int braces, int nesting) {
  const size_t number = behind_spaces(at_);
  const std::string_view digits = word_at(number);
  const size_t open = behind_spaces(number + digits.size());
  if (digits.empty() || open == text_.size() || text_[open] != '{') return;
  const Braces body = braces_at(open);
  if (!body.decides || body.alternatives) return;
  int times = 0;
  const auto [stop, status] = std::from_chars(digits.data(), digits.data() + digits.size(), times);
  if (status != std::errc{} || stop != digits.data() + digits.size() || times < 1 ||
      times > Limits::repeats) {
    throw architecture_error("the count of 'repeat' is '" + std::string(digits) + "'", number,
                             "give a whole number from 1 to " + std::to_string(Limits::repeats));
  }
  flush(begin);
  for (int copy = 0; copy < times; ++copy) {
    if (copy > 0) space_.pieces_.push_back({Piece::Kind::separator, begin});
    at_ = flushed_ = open + 1;
    sequence(braces, nesting + 1);
    flush(at_);
  }
  at_ = flushed_ = body.close + 1;
}

void Space::Parser::block(int braces, int nesting) {
  const Braces group = braces_at(at_);
  if (group.alternatives) return pick(group);
  ++at_;
  sequence(braces + 1, nesting + 1);
  at_ = group.close + 1;
}

void Space::Parser::pick(const Braces& group) {
  Piece piece{Piece::Kind::pick, at_};
  flush(at_);
  size_t begin = at_ + 1;
  int depth = 0;
  for (size_t i = begin; i <= group.close; ++i) {
    if (text_[i] == '{') ++depth;
    if (depth == 0 && (text_[i] == '|' || text_[i] == '}')) {
      add_alternative(piece, begin, i);
      begin = i + 1;
    } else if (text_[i] == '|') {
      throw architecture_error("alternatives within an alternative", i,
                               "write each as an alternative of its own");
    }
    if (text_[i] == '}') --depth;
  }
  at_ = flushed_ = group.close + 1;
  const int options = static_cast<int>(piece.stretches.size());
  add_decision({Decision::Kind::pick, options}, piece.offset);
  space_.options_.push_back(options);
  space_.pieces_.push_back(std::move(piece));
}

void Space::Parser::add_alternative(Piece& piece, size_t begin, size_t end) const {
  begin = std::min(behind_spaces(begin), end);
  while (end > begin && is_space(text_[end - 1])) --end;
  const std::string_view alternative = text_.substr(begin, end - begin);
  if (alternative.empty()) {
    throw architecture_error("an alternative is empty", begin, "write 'identity' for no layer");
  }
  for (size_t i = begin; i < end; i += std::max<size_t>(1, word_at(i).size())) {
    if (word_at(i) == "anchor") {
      throw architecture_error("'anchor' within an alternative", i, "write it between layers");
    }
  }
  for (const Stretch& other : piece.stretches) {
    const std::string_view seen = text_.substr(other.begin, other.end - other.begin);
    if (seen == alternative || (seen.empty() && alternative == identity)) {
      throw architecture_error("an alternative stands there twice", begin, "remove one");
    }
  }
  if (piece.stretches.size() == SpaceLimits::alternatives) {
    throw architecture_error("too many alternatives", begin,
                             "the limit is " + std::to_string(SpaceLimits::alternatives));
  }
  if (alternative == identity) end = begin;
  piece.stretches.push_back({begin, end});
}

void Space::Parser::anchor(size_t begin, int braces) {
  if (braces > 0) {
    throw architecture_error("'anchor' within the braces of a layer", begin,
                             "anchors stand between layers");
  }
  if (anchors_ == static_cast<int>(SpaceLimits::anchors)) {
    throw architecture_error("too many anchors", begin,
                             "the limit is " + std::to_string(SpaceLimits::anchors));
  }
  flush(begin);
  flushed_ = at_;
  add_decision({Decision::Kind::anchor, anchors_}, begin);
  space_.options_.insert(space_.options_.end(), static_cast<size_t>(anchors_), 2);
  space_.pieces_.push_back({Piece::Kind::anchor, begin});
  ++anchors_;
}

void Space::Parser::add_decision(const Decision& decision, size_t offset) {
  if (space_.decisions_.size() == SpaceLimits::decisions) {
    throw architecture_error("too much is to be chosen", offset,
                             "the limit is " + std::to_string(SpaceLimits::decisions) +
                                 " places after unrolling 'repeat'");
  }
  space_.decisions_.push_back(decision);
}

void Space::Parser::flush(size_t end) {
  if (end > flushed_) space_.pieces_.push_back({Piece::Kind::text, flushed_, {{flushed_, end}}});
  flushed_ = end;
}

Space::Parser::Braces Space::Parser::braces_at(size_t open) const {
  Braces braces;
  int depth = 0;
  for (size_t i = open; i < text_.size(); i += std::max<size_t>(1, word_at(i).size())) {
    const char c = text_[i];
    if (c == '{') ++depth;
    if (c == '|' && depth == 1) braces.alternatives = true;
    if (c == '|' || word_at(i) == "anchor") braces.decides = true;
    if (c == '}' && --depth == 0) {
      braces.close = i;
      return braces;
    }
  }
  throw architecture_error("'{' without its '}'", open, "close it");
}

// The letters and digits from there on.
std::string_view Space::Parser::word_at(size_t begin) const {
  size_t end = begin;
  while (end < text_.size() && is_letter(text_[end])) ++end;
  return text_.substr(begin, end - begin);
}

size_t Space::Parser::behind_spaces(size_t at) const {
  while (at < text_.size() && is_space(text_[at])) ++at;
  return at;
}

}  // namespace podium::search
