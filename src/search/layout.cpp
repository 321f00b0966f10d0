#include "search/layout.hpp"

#include <algorithm>
#include <array>

#include "core/error.hpp"
#include "core/role_counts.hpp"

namespace podium::search {
namespace {

constexpr std::array<std::string_view, 3> names = {"ps", "controller", "child"};
constexpr int most_of_a_role = 100'000;  // that products of counts are numbers
constexpr RoleNames roles = {names, "a search", "ps=2,controller=2,child=4", most_of_a_role};

constexpr int most_servers = 64;
constexpr int most_waiting = 4;  // children for each one that can compute

// How many share so many children; 0: as many as will be chosen.
int controllers_for(int children, const SearchPlace& place) {
  if (children == 0) return place.useful_children == 1 ? 1 : 2;
  return children % 2 == 0 ? 2 : 1;
}

// So many that one is ready whenever another one ends, where that is of use.
int children_for(int controllers, int turns, const SearchPlace& place) {
  int most = most_waiting * turns;
  if (place.useful_children > 0) most = std::min(most, place.useful_children);
  const int share = std::max(2, (turns + controllers - 1) / controllers);
  return controllers * std::max(1, std::min(share, most / controllers));
}

std::string count_of(int number, const char* one, const char* many) {
  return std::to_string(number) + " " + (number == 1 ? one : many);
}

}  // namespace

int SearchPlace::turns_per_rank() const {
  return std::max(1, cores_per_rank / threads_per_child);
}

SearchLayout SearchLayout::plan(std::string_view text, const SearchPlace& place) {
  const auto counts = parse_role_counts(text, roles);
  const int servers = counts[0].value_or(0);
  const int controllers = counts[1].value_or(0);
  const int children = counts[2].value_or(0);
  const int turns = place.ranks * place.turns_per_rank();
  SearchLayout layout;
  layout.place_ = place;
  layout.servers_ = servers > 0 ? servers : 2;
  layout.controllers_ = controllers > 0 ? controllers : controllers_for(children, place);
  layout.children_ = children > 0 ? children : children_for(layout.controllers_, turns, place);
  if (layout.servers_ > most_servers) {
    throw usage_error("ps=" + std::to_string(servers) + " is more than a controller's parameters " +
                          "could be spread over",
                      "--roles", "ask for at most " + std::to_string(most_servers));
  }
  if (layout.children_ % layout.controllers_ != 0) {
    throw usage_error("child=" + std::to_string(layout.children_) + " cannot be shared among " +
                          count_of(layout.controllers_, "controller", "controllers"),
                      "--roles", "give each controller equally many, as ps=2,controller=3,child=6");
  }
  if (layout.children_ > most_waiting * turns) {
    const std::string asked =
        children > 0 ? "child=" + std::to_string(children)
                     : "controller=" + std::to_string(controllers) + ", with a child for each,";
    throw usage_error(asked + " is far more than the " + count_of(turns, "child", "children") +
                          " that the cores of this job can train at once",
                      "--roles",
                      "ask for at most " + std::to_string(most_waiting * turns) +
                          ", or start the job on more cores");
  }
  return layout;
}

int SearchLayout::cores_for_children() const {
  const int at_once = std::min(children_, place_.ranks * place_.turns_per_rank());
  return at_once * std::min(place_.threads_per_child, place_.cores_per_rank);
}

int SearchLayout::rank_of(int worker) const {
  return (is_controller(worker) ? worker : worker - controllers_) % place_.ranks;
}

std::vector<int> SearchLayout::workers_of(int rank) const {
  std::vector<int> mine;
  for (int worker = 0; worker < workers(); ++worker) {
    if (rank_of(worker) == rank) mine.push_back(worker);
  }
  return mine;
}

std::string SearchLayout::describe() const {
  const int at_once = std::min(children_, place_.ranks * place_.turns_per_rank());
  return count_of(servers_, "parameter server", "parameter servers") + " | " +
         count_of(controllers_, "controller", "controllers") + " | " +
         count_of(children_, "child", "children") + ", " + std::to_string(at_once) + " at once";
}

}  // namespace podium::search
