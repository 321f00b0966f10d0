// Experiences as explorers send them: a line of JSON, and bytes. What is taken is sound, and comes
// back the same; everything else is refused as bad data.
#include <nlohmann/json.hpp>

#include "fuzz/target.hpp"
#include "learn/experience_codec.hpp"

using namespace podium;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text = fuzz::as_text({data, size});
  const size_t line = std::min(text.find('\n'), text.size());
  const auto head = nlohmann::ordered_json::parse(text.substr(0, line), nullptr, false);
  const auto bytes = std::as_bytes(std::span(text)).subspan(std::min(line + 1, text.size()));
  constexpr learn::ExperienceLimits limits{3, 4, 1, 8, 4096};
  fuzz::read_or_refuse([&] {
    const auto taken = learn::unpack_experiences(head, bytes, limits);
    for (const learn::Experience& experience : taken) learn::check(experience, limits);
    const learn::PackedExperiences again = learn::pack_experiences(taken);
    fuzz::expect(std::ranges::equal(again.bytes, bytes), "experiences that change");
  });
  return 0;
}
