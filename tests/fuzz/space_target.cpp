// Spaces of architecture search: what is taken as one has networks, by number and as architecture
// text.
#include "core/random.hpp"
#include "fuzz/target.hpp"
#include "nn/architecture.hpp"
#include "search/space.hpp"

using namespace podium;

namespace {

constexpr double most_numbered = 0x1p53;

void try_network(const search::Space& space, const search::Choices& choices) {
  fuzz::expect(space.contains(choices), "choices that are none");
  // An alternative that is sound elsewhere may be none beside others.
  fuzz::read_or_refuse([&] {
    const std::string text = space.architecture(choices);
    fuzz::expect(nn::to_text(nn::parse_architecture(text)) == text, "a text that is not canonical");
  });
  if (space.networks() > most_numbered) return;
  fuzz::expect(space.choices_of(space.index_of(choices)) == choices, "a number of another network");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text = fuzz::as_text({data, size});
  fuzz::read_or_refuse([&] {
    const search::Space space = search::Space::parse(text);
    fuzz::expect(space.networks() >= 2, "a space without a choice");
    for (uint64_t seed = 0; seed < 3; ++seed) {
      Random random(seed, size);
      search::Choices choices;
      for (const int options : space.options()) {
        choices.push_back(static_cast<int>(random.below(static_cast<uint64_t>(options))));
      }
      try_network(space, choices);
    }
  });
  return 0;
}
