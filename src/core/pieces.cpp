#include "core/pieces.hpp"

#include <bit>
#include <iterator>

namespace podium {

static_assert(std::endian::native == std::endian::little,
              "weights are written as they lie in memory; other machines must swap bytes first");

void Pieces::add(std::string_view bytes) {
  if (bytes.empty()) return;
  if (pieces_.empty() || pieces_.back().own.empty()) pieces_.emplace_back();
  pieces_.back().own += bytes;
  size_ += bytes.size();
}

void Pieces::add_view(std::span<const float> values) {
  if (values.empty()) return;
  const std::string_view bytes(reinterpret_cast<const char*>(values.data()), values.size_bytes());
  pieces_.push_back({"", bytes});
  size_ += bytes.size();
}

void Pieces::add(Pieces other) {
  for (Piece& piece : other.pieces_) {
    if (!piece.own.empty()) {
      add(piece.own);
    } else {
      size_ += piece.view.size();
      pieces_.push_back(std::move(piece));
    }
  }
}

std::vector<std::string_view> Pieces::views() const {
  std::vector<std::string_view> views;
  for (const Piece& piece : pieces_) views.push_back(piece.own.empty() ? piece.view : piece.own);
  return views;
}

std::string Pieces::joined() const {
  std::string all;
  all.reserve(size_);
  for (const std::string_view view : views()) all += view;
  return all;
}

}  // namespace podium
