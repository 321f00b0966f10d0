// Sums that overlap with computing, over real MPI.
#include <gtest/gtest.h>

#include "comm/overlap_checks.hpp"
#include "mpi_test_main.hpp"

namespace podium::comm {
namespace {

TEST(OverlapMpi, EndsWithTheBitsOfBucketsOneByOne) {
  const auto group = test::environment->world("overlap");
  for (const Algorithm algorithm : {Algorithm::automatic, Algorithm::ring, Algorithm::halving,
                                    Algorithm::tree, Algorithm::hierarchical}) {
    for (uint64_t seed = 1; seed <= 4; ++seed) test::check_overlap(*group, algorithm, seed);
  }
}

}  // namespace
}  // namespace podium::comm
