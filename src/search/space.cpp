#include "search/space.hpp"

#include <algorithm>
#include <functional>
#include <numeric>

#include "core/error.hpp"
#include "nn/network_plan.hpp"
#include "search/space_parser.hpp"

namespace podium::search {

// The architecture text of one network, and where in the space's text each part comes from.
struct Space::Decoded {
  std::string text = {};
  std::vector<nn::TextOrigin> origins = {};

  void add(std::string_view part, size_t origin, bool verbatim) {
    origins.push_back({text.size(), origin, verbatim});
    text += part;
  }
  nn::Architecture parse() const { return nn::parse_architecture(text, origins); }
};

Space Space::parse(std::string_view text) {
  Space space;
  space.text_ = text;
  Parser(space).parse();
  for (const Choices& choices : space.every_alternative()) space.decode(choices).parse();
  return space;
}

double Space::networks() const {
  return std::accumulate(options_.begin(), options_.end(), 1.0, std::multiplies<>());
}

std::string Space::architecture(const Choices& choices) const {
  return nn::to_text(decode(choices).parse());
}

bool Space::contains(const Choices& choices) const {
  return std::ranges::equal(
      choices, options_, [](int choice, int options) { return choice >= 0 && choice < options; });
}

uint64_t Space::index_of(const Choices& choices) const {
  uint64_t index = 0;
  for (size_t i = 0; i < options_.size(); ++i) {
    index = index * static_cast<uint64_t>(options_[i]) + static_cast<uint64_t>(choices[i]);
  }
  return index;
}

Choices Space::choices_of(uint64_t index) const {
  Choices choices(options_.size());
  for (size_t i = options_.size(); i-- > 0;) {
    const auto options = static_cast<uint64_t>(options_[i]);
    choices[i] = static_cast<int>(index % options);
    index /= options;
  }
  return choices;
}

void Space::check(nn::ImageShape image, int classes) const {
  for (const Choices& choices : every_alternative()) {
    nn::plan_network(decode(choices).parse(), image, classes);
  }
}

// An anchor without an addition ends in a ReLU all the same, as an addition does.
Space::Decoded Space::decode(const Choices& choices) const {
  if (!contains(choices)) {
    throw usage_error("these choices are not of this space",
                      "a space of " + std::to_string(options_.size()) + " choices",
                      "give one number for each, below its number of alternatives");
  }
  Decoded decoded;
  auto choice = choices.begin();
  int anchors = 0;
  for (const Piece& piece : pieces_) {
    switch (piece.kind) {
      case Piece::Kind::text:
      case Piece::Kind::pick: {
        const bool picks = piece.kind == Piece::Kind::pick;
        const auto [begin, end] = piece.stretches[picks ? static_cast<size_t>(*choice++) : 0];
        if (picks) decoded.add(" ", piece.offset, false);
        decoded.add(std::string_view(text_).substr(begin, end - begin), begin, true);
        if (picks) decoded.add(" ", piece.offset, false);
        break;
      }
      case Piece::Kind::anchor: {
        std::string layers;
        for (int from = 1; from <= anchors; ++from) {
          if (*choice++ == 1) layers += "add " + std::to_string(from) + "; ";
        }
        if (layers.empty()) layers = "relu; ";
        decoded.add(layers + "keep " + std::to_string(++anchors), piece.offset, false);
        break;
      }
      case Piece::Kind::separator:
        decoded.add("; ", piece.offset, false);
        break;
    }
  }
  return decoded;
}

// Few networks among which each alternative occurs.
std::vector<Choices> Space::every_alternative() const {
  std::vector<Choices> networks;
  const int most = *std::ranges::max_element(options_);
  for (int turn = 0; turn < most; ++turn) {
    Choices choices;
    for (const int options : options_) choices.push_back(std::min(turn, options - 1));
    networks.push_back(std::move(choices));
  }
  return networks;
}

}  // namespace podium::search
