#include "core/board.hpp"

#include <algorithm>
#include <optional>

#include "core/text.hpp"

namespace podium {
namespace {

constexpr double worth_an_estimate_s = 0.5;  // before that a pace is noise

}  // namespace

void Board::tell_to(Log log) {
  const std::lock_guard lock(mutex_);
  log_ = std::move(log);
}

void Board::title(std::string text) {
  if (off()) return;
  const std::lock_guard lock(mutex_);
  title_ = std::move(text);
}

void Board::line(const std::string& key, std::string label, std::string text) {
  if (off()) return;
  const std::lock_guard lock(mutex_);
  entry(key, std::move(label)).item.advance.note = std::move(text);
}

void Board::bar(const std::string& key, std::string label, Advance advance) {
  if (off()) return;
  std::optional<std::string> line;
  Log log;
  {
    const std::lock_guard lock(mutex_);
    Entry& bar = entry(key, std::move(label));
    if (!bar.item.bar || bar.item.state != BoardItem::State::running) {
      bar.item.bar = true;
      bar.item.state = BoardItem::State::running;
      bar.begin = advance.done;
      bar.since_begin.restart();
      bar.since_line.restart();
    }
    bar.item.advance = std::move(advance);
    if (kind_ == Kind::told && bar.since_line.seconds() >= pause_s_) {
      bar.since_line.restart();
      line = told(look(bar));
      log = log_;
    }
  }
  if (line) log.info(*line);
}

void Board::finish(const std::string& key, std::string note, bool failed) {
  if (off()) return;
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(entries_, key, &Entry::key);
  if (found == entries_.end()) return;
  BoardItem& item = found->item;
  if (item.state == BoardItem::State::running) item.seconds = found->since_begin.seconds();
  item.state = failed ? BoardItem::State::failed : BoardItem::State::done;
  if (!failed) item.advance.done = item.advance.total;
  item.advance.note = std::move(note);
}

void Board::said(const std::string& key) {
  if (off()) return;
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(entries_, key, &Entry::key);
  if (found != entries_.end()) found->since_line.restart();
}

void Board::remove(const std::string& key) {
  if (off()) return;
  const std::lock_guard lock(mutex_);
  std::erase_if(entries_, [&](const Entry& entry) { return entry.key == key; });
}

Board::Contents Board::contents() const {
  const std::lock_guard lock(mutex_);
  Contents contents{title_, made_.seconds(), {}};
  for (const Entry& entry : entries_) contents.items.push_back(look(entry));
  return contents;
}

Board::Entry& Board::entry(const std::string& key, std::string label) {
  auto found = std::ranges::find(entries_, key, &Entry::key);
  if (found == entries_.end()) found = entries_.insert(entries_.end(), Entry{key, {}, 0, {}, {}});
  found->item.label = std::move(label);
  return *found;
}

BoardItem Board::look(const Entry& entry) const {
  BoardItem item = entry.item;
  if (!item.bar || item.state != BoardItem::State::running) return item;
  item.seconds = entry.since_begin.seconds();
  const double advanced = item.advance.done - entry.begin;
  const double missing = item.advance.total - item.advance.done;
  if (advanced > 0 && missing >= 0 && item.seconds >= worth_an_estimate_s) {
    item.left_s = item.seconds * missing / advanced;
  }
  return item;
}

std::string told(const BoardItem& item) {
  const Advance& advance = item.advance;
  std::string text = item.label + ": ";
  if (advance.total > 0) {
    text += format("%.0f%% of %.0f", 100 * advance.done / advance.total, advance.total);
  } else {
    text += format("%.0f", advance.done);
  }
  if (!advance.unit.empty()) text += " " + advance.unit;
  if (item.left_s >= 0) text += ", " + duration_text(item.left_s) + " left";
  if (!advance.note.empty()) text += ", " + advance.note;
  return text;
}

std::string duration_text(double seconds) {
  const auto whole = static_cast<long long>(seconds);
  if (whole < 60) return format("%lld s", whole);
  if (whole < 3600) return format("%lld min %02lld s", whole / 60, whole % 60);
  return format("%lld h %02lld min", whole / 3600, whole / 60 % 60);
}

}  // namespace podium
