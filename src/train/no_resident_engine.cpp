// The resident engine of a build without a backend that could hold the images: there is none.
#include "train/resident_engine.hpp"

namespace podium::train {

ResidentEngine make_resident_engine(const EngineSpec&) {
  return {};
}

}  // namespace podium::train
