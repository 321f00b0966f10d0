// Texts of options: the first byte says which, the rest is the text. 't': --io.transform; 's':
// --io.source as synthetic records; anything else: --io.source as a place.
#include "fuzz/target.hpp"
#include "io/image/transform.hpp"
#include "io/sources/place.hpp"
#include "io/sources/synthetic.hpp"

using namespace podium;

namespace {

constexpr size_t small_bytes = size_t{1} << 16;

// What parse() takes, text() spells so that it means the same, and apply() can do.
void try_transform(const std::string& text) {
  const io::Transform transform = io::Transform::parse(text);
  const std::string spelled = transform.text();
  fuzz::expect(io::Transform::parse(spelled).text() == spelled, "a spelling that is not stable");
  for (const io::ImageShape& shape : {io::ImageShape{5, 7, 3}, io::ImageShape{28, 28, 1}}) {
    const io::ImageShape output = transform.output(shape);
    if (output.bytes() > small_bytes) continue;
    std::vector<uint8_t> result(output.bytes());
    transform.apply(shape, std::vector<uint8_t>(shape.bytes(), 9), result);
  }
}

void try_synthetic(const std::string& text) {
  const io::SyntheticOptions options = io::parse_synthetic(io::synthetic_prefix + text);
  if (options.shape.bytes() * options.classes > small_bytes) return;
  const auto source = io::open_synthetic_source(options, text);
  for (const io::Part part : {io::Part::train, io::Part::test}) {
    std::vector<uint8_t> image(options.shape.bytes());
    std::vector<uint8_t> label(1);
    source->open(part, source->info().records(part) - 1)->read(image, label);
    fuzz::expect(label[0] < options.classes, "a label that is no class");
  }
}

bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

void try_place(const std::string& text) {
  const std::string name = io::place_of(text).name;
  fuzz::expect(!name.empty() && name.size() <= 64 && std::ranges::all_of(name, is_name),
               "a name that no folder should have");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string text = fuzz::as_text(fuzz::Input(data, size).subspan(1));
  fuzz::read_or_refuse([&] {
    if (data[0] == 't') return try_transform(text);
    if (data[0] == 's') return try_synthetic(text);
    try_place(text);
  });
  return 0;
}
