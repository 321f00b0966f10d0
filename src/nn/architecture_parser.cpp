// The recursive-descent parser of architecture text. One function per rule of the grammar in
// docs/architecture_text.md. Depth, numbers, layers and text length are limited, so that hostile
// text costs little and is refused with a message.
#include <algorithm>
#include <array>
#include <charconv>
#include <map>

#include "core/text.hpp"
#include "nn/architecture.hpp"
#include "nn/architecture_lexer.hpp"

namespace podium::nn {
namespace {

using Limits = ArchitectureLimits;
using Layers = std::vector<LayerSpec>;

const std::array<std::string, 12> kWords = {"dense", "conv",    "bn",  "relu",   "pool", "avgpool",
                                            "gap",   "dropout", "res", "repeat", "keep", "add"};

// The body of a bare `res C S`: two 3x3 convolutions (He et al. 2016, figure 2).
Layers basic_block(int width, int stride, size_t offset) {
  const auto conv = [&](int conv_stride) {
    return LayerSpec{LayerKind::conv, width, 3, conv_stride, 0, {}, offset};
  };
  const auto plain = [&](LayerKind kind) { return LayerSpec{kind, 0, 0, 1, 0, {}, offset}; };
  return {conv(stride), plain(LayerKind::batch_norm), plain(LayerKind::relu), conv(1),
          plain(LayerKind::batch_norm)};
}

class Parser {
 public:
  Parser(std::string_view text, std::span<const TextOrigin> origins) : lexer_(text, origins) {}

  Architecture parse() {
    Architecture result;
    result.layers = sequence(0);
    if (!lexer_.peek_is(Token::Kind::end)) {
      throw architecture_error("'}' without its '{'", lexer_.peek().offset, "remove it");
    }
    result.layers = with_marks_in_order(std::move(result.layers));
    return result;
  }

 private:
  // sequence := [item] { ';' [item] }, up to a '}' or the end.
  Layers sequence(int depth) {
    Layers layers;
    while (true) {
      while (lexer_.peek_is(Token::Kind::semicolon)) lexer_.take();
      if (lexer_.peek_is(Token::Kind::close) || lexer_.peek_is(Token::Kind::end)) return layers;
      item(layers, depth);
      const Token& next = lexer_.peek();
      if (next.kind == Token::Kind::word || next.kind == Token::Kind::open) {
        throw architecture_error("unexpected " + quoted(next), next.offset,
                                 "separate layers with ';'");
      }
    }
  }

  void item(Layers& layers, int depth) {
    const Token word = lexer_.take();
    if (word.kind != Token::Kind::word) {
      throw architecture_error("expected a layer but found " + quoted(word), word.offset,
                               "start with a layer such as 'conv 32 3'");
    }
    if (word.text == "repeat") {
      repeat(layers, word, depth);
    } else {
      layers.push_back(layer(word, depth));
      count(word, 1);
    }
  }

  void repeat(Layers& layers, const Token& word, int depth) {
    const int times = integer("the count of 'repeat'", Limits::repeats);
    const int before = layers_;
    const Layers body = block(word, depth);
    const int each = layers_ - before;
    if (each > 0 && times > (Limits::layers - before) / each) too_many(word);
    layers_ = before + each * times;
    for (int i = 0; i < times; ++i) layers.insert(layers.end(), body.begin(), body.end());
  }

  LayerSpec layer(const Token& word, int depth) {
    LayerSpec spec{kind_of(word), 0, 0, 1, 0, {}, word.offset};
    switch (spec.kind) {
      case LayerKind::dense:
        spec.width = width_or_classes();
        break;
      case LayerKind::conv:
        spec.width = integer("the channels of 'conv'", Limits::width);
        spec.kernel = integer("the kernel of 'conv'", Limits::window);
        spec.stride = optional_stride(1);
        break;
      case LayerKind::max_pool:
      case LayerKind::average_pool:
        spec.kernel = integer("the window of '" + std::string(word.text) + "'", Limits::window);
        spec.stride = optional_stride(spec.kernel);
        break;
      case LayerKind::dropout:
        spec.rate = share();
        break;
      case LayerKind::residual:
        residual(spec, word, depth);
        break;
      case LayerKind::keep:
      case LayerKind::add:
        mark(spec, word, depth);
        break;
      case LayerKind::batch_norm:
      case LayerKind::relu:
      case LayerKind::global_average_pool:
        break;
    }
    return spec;
  }

  void residual(LayerSpec& spec, const Token& word, int depth) {
    spec.width = integer("the channels of 'res'", Limits::width);
    spec.stride = integer("the stride of 'res'", Limits::window);
    if (lexer_.peek_is(Token::Kind::open)) {
      spec.body = block(word, depth);
    } else {
      spec.body = basic_block(spec.width, spec.stride, spec.offset);
      count(word, static_cast<int>(spec.body.size()));
    }
  }

  void mark(LayerSpec& spec, const Token& word, int depth) {
    const std::string name(word.text);
    if (depth > 0) {
      throw architecture_error("'" + name + "' within braces", word.offset,
                               "values are kept and added outside of 'res' and 'repeat'");
    }
    const Token number = lexer_.peek();
    spec.mark = integer("the number of '" + name + "'", Limits::marks);
    const std::string shown = std::to_string(spec.mark);
    if (spec.kind == LayerKind::add) {
      const auto kept = added_.find(spec.mark);
      if (kept == added_.end()) {
        throw architecture_error("nothing is kept as " + shown, number.offset,
                                 "write 'keep " + shown + "' before it");
      }
      ++kept->second;
    } else if (!added_.try_emplace(spec.mark, 0).second) {
      throw architecture_error("a value is kept as " + shown + " already", number.offset,
                               "give each 'keep' a number of its own");
    }
  }

  // Marks count from 1 in the order in which they are kept; what is never added is not kept.
  Layers with_marks_in_order(Layers layers) const {
    std::erase_if(layers, [&](const LayerSpec& spec) {
      return spec.kind == LayerKind::keep && added_.at(spec.mark) == 0;
    });
    std::map<int, int> order;
    for (LayerSpec& spec : layers) {
      if (spec.mark > 0) {
        spec.mark = order.try_emplace(spec.mark, static_cast<int>(order.size()) + 1).first->second;
      }
    }
    return layers;
  }

  // block := '{' sequence '}', not empty.
  Layers block(const Token& owner, int depth) {
    const Token open = lexer_.take();
    const std::string name(owner.text);
    if (open.kind != Token::Kind::open) {
      throw architecture_error("expected '{' after '" + name + "' but found " + quoted(open),
                               open.offset, "write " + name + " ... { layers }");
    }
    if (depth == Limits::depth) {
      throw architecture_error("braces nest too deeply", open.offset,
                               "the limit is " + std::to_string(Limits::depth) + " levels");
    }
    Layers body = sequence(depth + 1);
    const Token close = lexer_.take();
    if (close.kind != Token::Kind::close) {
      throw architecture_error("missing '}' of '" + name + "'", close.offset,
                               "its '{' stands at offset " + std::to_string(open.offset));
    }
    if (body.empty()) {
      throw architecture_error("'" + name + "' has no layers", owner.offset,
                               "put layers between its braces");
    }
    return body;
  }

  static LayerKind kind_of(const Token& word) {
    for (const LayerKind kind :
         {LayerKind::dense, LayerKind::conv, LayerKind::batch_norm, LayerKind::relu,
          LayerKind::max_pool, LayerKind::average_pool, LayerKind::global_average_pool,
          LayerKind::dropout, LayerKind::residual, LayerKind::keep, LayerKind::add}) {
      if (word.text == layer_word(kind)) return kind;
    }
    throw architecture_error("unknown layer " + quoted(word), word.offset,
                             "did you mean '" + nearest_word(word.text, kWords) + "'?");
  }

  int width_or_classes() {
    if (lexer_.peek_is_word("classes")) {
      lexer_.take();
      return kClassesWidth;
    }
    return integer("the width of 'dense'", Limits::width);
  }

  int optional_stride(int usual) {
    if (!lexer_.peek_is_word("stride")) return usual;
    lexer_.take();
    return integer("the stride", Limits::window);
  }

  int integer(const std::string& what, int limit) {
    const Token token = lexer_.take();
    int value = 0;
    const char* end = token.text.data() + token.text.size();
    const auto [stop, status] = std::from_chars(token.text.data(), end, value);
    const bool whole = token.kind == Token::Kind::word && stop == end;
    if (!whole || status != std::errc{} || value < 1 || value > limit) {
      throw architecture_error(what + " is " + quoted(token), token.offset,
                               "give a whole number from 1 to " + std::to_string(limit));
    }
    return value;
  }

  double share() {
    const Token token = lexer_.take();
    double value = 0;
    const char* end = token.text.data() + token.text.size();
    const auto [stop, status] = std::from_chars(token.text.data(), end, value);
    const bool whole = token.kind == Token::Kind::word && stop == end && status == std::errc{};
    if (!whole || !(value >= 0.0 && value < 1.0)) {
      throw architecture_error("the rate of 'dropout' is " + quoted(token), token.offset,
                               "give a number from 0 to below 1");
    }
    return value;
  }

  void count(const Token& word, int added) {
    layers_ += added;
    if (layers_ > Limits::layers) too_many(word);
  }

  [[noreturn]] static void too_many(const Token& word) {
    throw architecture_error(
        "too many layers", word.offset,
        "the limit is " + std::to_string(Limits::layers) + " after unrolling 'repeat'");
  }

  Lexer lexer_;
  int layers_ = 0;
  std::map<int, int> added_;  // how often what is kept under a number is added
};

}  // namespace

Architecture parse_architecture(std::string_view text, std::span<const TextOrigin> origins) {
  if (text.size() > Limits::text_bytes) {
    throw architecture_error("the text is " + std::to_string(text.size()) + " bytes long",
                             Limits::text_bytes,
                             "the limit is " + std::to_string(Limits::text_bytes) + " bytes");
  }
  Architecture architecture = Parser(text, origins).parse();
  const Layers& layers = architecture.layers;
  if (layers.empty()) {
    throw architecture_error("the text has no layers", 0, "end it with 'dense classes'");
  }
  if (layers.back().kind != LayerKind::dense || layers.back().width != kClassesWidth) {
    throw architecture_error(
        "the last layer is '" + std::string(layer_word(layers.back().kind)) + "'",
        layers.back().offset, "end the text with 'dense classes'");
  }
  return architecture;
}

}  // namespace podium::nn
