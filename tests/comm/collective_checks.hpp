// What every backend must do: checks that one rank of a group runs, shared by the ranks-as-threads
// tests and the tests under mpirun. Inputs are small integers, so that sums are exact in any order.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "comm/barrier.hpp"
#include "comm/broadcast.hpp"
#include "comm/communicator.hpp"
#include "comm/gather.hpp"
#include "comm/ring_allreduce.hpp"

namespace podium::test {

// Rank r contributes (i % 97) + r at element i; the sum has the closed form P*(i%97) + P(P-1)/2.
template <typename T>
void check_ring_allreduce(comm::Communicator& group, size_t count) {
  const int ranks = group.size();
  std::vector<T> data(count);
  for (size_t i = 0; i < count; ++i)
    data[i] = static_cast<T>(i % 97) + static_cast<T>(group.rank());
  comm::ring_allreduce(group, std::span<T>(data));
  size_t wrong = 0;
  for (size_t i = 0; i < count; ++i) {
    const T expected =
        static_cast<T>(ranks) * static_cast<T>(i % 97) + static_cast<T>(ranks * (ranks - 1) / 2);
    wrong += data[i] != expected ? 1 : 0;
  }
  EXPECT_EQ(wrong, 0U) << "rank " << group.rank() << " of " << ranks << ", " << count
                       << " elements";
}

// Sums that round differently in different orders must still be the same bits on every rank.
inline void check_ring_bits_agree(comm::Communicator& group, size_t count) {
  std::vector<float> data(count);
  for (size_t i = 0; i < count; ++i) {
    data[i] = 1.0F / static_cast<float>(i + 3 + static_cast<size_t>(group.rank()) * 7);
  }
  comm::ring_allreduce(group, std::span<float>(data));
  const std::string mine(reinterpret_cast<const char*>(data.data()), data.size() * sizeof(float));
  const std::string first = comm::broadcast_text(group, mine, 0);
  EXPECT_TRUE(first == mine) << "rank " << group.rank() << " holds other bits than rank 0";
}

inline void check_broadcast(comm::Communicator& group) {
  for (int root = 0; root < group.size(); ++root) {
    const std::string sent = group.rank() == root ? "from " + std::to_string(root) : "mine";
    EXPECT_EQ(comm::broadcast_text(group, sent, root), "from " + std::to_string(root));
  }
}

inline void check_gather(comm::Communicator& group) {
  const std::string mine(static_cast<size_t>(group.rank() * 3), 'x');  // rank 0 sends nothing
  const std::vector<std::string> texts = comm::gather_texts(group, mine, group.size() - 1);
  if (group.rank() != group.size() - 1) {
    EXPECT_TRUE(texts.empty());
    return;
  }
  ASSERT_EQ(texts.size(), static_cast<size_t>(group.size()));
  for (size_t rank = 0; rank < texts.size(); ++rank) EXPECT_EQ(texts[rank].size(), rank * 3);
}

inline void check_all(comm::Communicator& group) {
  for (const size_t count : {size_t{0}, size_t{1}, size_t{2}, size_t{7}, size_t{64}, size_t{1000},
                             size_t{4099}, size_t{100'003}}) {
    check_ring_allreduce<float>(group, count);
    check_ring_allreduce<double>(group, count);
    check_ring_bits_agree(group, count);
  }
  check_broadcast(group);
  check_gather(group);
  comm::barrier(group, {});
}

}  // namespace podium::test
