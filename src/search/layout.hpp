// SearchLayout: how many parameter servers, controllers and children a search has, and where they
// run.
//
// The text "ps=2,controller=3,child=6" asks for counts; what is left out is chosen. They are worker
// processes, not ranks: controllers and children are dealt in turn over the ranks of the job, the
// servers belong to rank 0. `child` counts the children of all controllers together, which have
// equally many. Each rank lets as many of its children compute at once as it has cores for; the
// others wait for their turn. Pure arithmetic: every rank computes the same layout.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace podium::search {

// What the ranks of the job bring: the same on all of them.
struct SearchPlace {
  int ranks = 1;
  int cores_per_rank = 1;
  int threads_per_child = 1;
  int useful_children = 0;  // more would get no network; 0: any number is of use

  // Children of one rank that compute at once.
  int turns_per_rank() const;
};

class SearchLayout {
 public:
  // Throws usage_error that names the role at fault: an unknown name, a count below 1, the same
  // role twice, children that cannot be shared among the controllers, more of them than the cores
  // of the job could keep busy.
  static SearchLayout plan(std::string_view roles, const SearchPlace& place);

  int servers() const { return servers_; }
  int controllers() const { return controllers_; }
  int children() const { return children_; }
  int children_per_controller() const { return children_ / controllers_; }
  int turns_per_rank() const { return place_.turns_per_rank(); }
  // Cores that children can keep busy at once.
  int cores_for_children() const;

  // Workers are numbered: the controllers first, then the children.
  int workers() const { return controllers_ + children_; }
  bool is_controller(int worker) const { return worker < controllers_; }
  int rank_of(int worker) const;
  std::vector<int> workers_of(int rank) const;

  // For instance "2 parameter servers | 3 controllers | 6 children, 2 at once".
  std::string describe() const;

 private:
  int servers_ = 0;
  int controllers_ = 0;
  int children_ = 0;
  SearchPlace place_;
};

}  // namespace podium::search
