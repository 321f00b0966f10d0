// Which rank of the job plays which roles.
//
// The text "ingest=1,train=2,ckpt=1,serve=2" asks for counts; roles left out are chosen from the
// number of ranks. Trainers get ranks of their own wherever there are enough; the other roles are
// dealt in turn over the remaining ranks, and share ranks when there are too few. Pure arithmetic:
// every rank computes the same layout without communication.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace podium {

enum class Role { ingest, train, ckpt, serve };
inline constexpr std::array<Role, 4> all_roles = {Role::ingest, Role::train, Role::ckpt,
                                                  Role::serve};

const char* to_string(Role role);

class RoleLayout {
 public:
  // Lays `text` out over `world_size` ranks. Throws usage_error that names the role at fault: an
  // unknown name, a count below 1 or above the number of ranks, the same role twice.
  // REQUIRES: world_size >= 1.
  static RoleLayout plan(std::string_view text, int world_size);

  // The layout of a verb that needs one role: every rank plays `role`.
  static RoleLayout all(Role role, int world_size);

  int world_size() const { return world_size_; }
  const std::vector<int>& ranks(Role role) const { return ranks_[index(role)]; }  // ascending
  bool plays(int rank, Role role) const;
  std::vector<Role> roles_of(int rank) const;

  // For instance "ingest: 0 | train: 1-2 | ckpt: 3 | serve: 0".
  std::string describe() const;

 private:
  static size_t index(Role role) { return static_cast<size_t>(role); }

  int world_size_ = 1;
  std::array<std::vector<int>, all_roles.size()> ranks_;
};

}  // namespace podium
