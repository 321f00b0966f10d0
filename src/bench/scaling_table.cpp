#include "bench/scaling_table.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string_view>

#include "core/error.hpp"
#include "core/text.hpp"

namespace podium::bench {
namespace {

constexpr const char* csv_heading =
    "kind,model,mode,ranks,threads,batch,repetitions,images_per_s,images_per_s_least,"
    "images_per_s_most,compute_share,data_wait_share,exposed_comm_share,hidden_comm_share,step_s,"
    "speedup,efficiency";
constexpr size_t read_columns = 14;
// No table of a study has more.
constexpr int most_ranks = 10'000'000;
constexpr int most_threads = 100'000;
constexpr int most_images = 1 << 30;  // of a batch
constexpr int most_repetitions = 1'000'000;
constexpr double most_images_per_s = 1e12;
constexpr double most_share = 1.01;  // clocks of several ranks

constexpr std::array all_shares = {&TimeShares::compute, &TimeShares::data_wait,
                                   &TimeShares::exposed_comm, &TimeShares::hidden_comm};

bool same_series(const ScalingRow& a, const ScalingRow& b) {
  return a.kind == b.kind && a.model == b.model && a.mode == b.mode;
}

// Means go by the number of repetitions.
void merge(ScalingRow& into, const ScalingRow& from) {
  const double sum = into.repetitions + from.repetitions;
  const auto mean = [&](double a, double b) {
    return (a * into.repetitions + b * from.repetitions) / sum;
  };
  into.images_per_s = mean(into.images_per_s, from.images_per_s);
  for (double TimeShares::*share : all_shares) {
    into.shares.*share = mean(into.shares.*share, from.shares.*share);
  }
  into.images_per_s_least = std::min(into.images_per_s_least, from.images_per_s_least);
  into.images_per_s_most = std::max(into.images_per_s_most, from.images_per_s_most);
  into.repetitions += from.repetitions;
}

std::vector<std::string> split(const std::string& line) {
  std::vector<std::string> cells;
  std::istringstream stream(line);
  for (std::string cell; std::getline(stream, cell, ',');) cells.push_back(cell);
  return cells;
}

template <typename T>
bool parse_number(const std::string& text, T least, T most, T* value) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, *value);
  return error == std::errc() && stop == end && *value >= least && *value <= most;
}

// Means may be off by their last digits.
bool in_order(double least, double mean, double most) {
  return least <= mean * (1 + 1e-9) && mean <= most * (1 + 1e-9);
}

// Model names are [A-Za-z0-9_-], so that neither CSV nor SVG needs quotes.
bool is_plain(const std::string& text) {
  return !text.empty() && std::ranges::all_of(text, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '-';
  });
}

bool parse_row(const std::vector<std::string>& cells, ScalingRow* row) {
  if (cells.size() < read_columns) return false;
  for (size_t i = 0; i < all_shares.size(); ++i) {
    if (!parse_number(cells[10 + i], 0.0, most_share, &(row->shares.*all_shares[i]))) return false;
  }
  row->kind = cells[0];
  row->model = cells[1];
  row->mode = cells[2];
  return is_plain(row->kind) && is_plain(row->model) && is_plain(row->mode) &&
         parse_number(cells[3], 1, most_ranks, &row->ranks) &&
         parse_number(cells[4], 1, most_threads, &row->threads) &&
         parse_number(cells[5], 1, most_images, &row->batch) &&
         parse_number(cells[6], 1, most_repetitions, &row->repetitions) &&
         parse_number(cells[7], 1e-9, most_images_per_s, &row->images_per_s) &&
         parse_number(cells[8], 0.0, most_images_per_s, &row->images_per_s_least) &&
         parse_number(cells[9], 0.0, most_images_per_s, &row->images_per_s_most) &&
         in_order(row->images_per_s_least, row->images_per_s, row->images_per_s_most);
}

}  // namespace

void add_measurement(ScalingRow& row, double images_per_s, const TimeShares& shares) {
  ScalingRow one = row;
  one.repetitions = 1;
  one.images_per_s = one.images_per_s_least = one.images_per_s_most = images_per_s;
  one.shares = shares;
  if (row.repetitions == 0) {
    row = one;
  } else {
    merge(row, one);
  }
}

std::vector<ScalingRow> derive(std::vector<ScalingRow> rows) {
  std::vector<ScalingRow> all;
  for (const ScalingRow& row : rows) {
    const auto same = std::ranges::find_if(all, [&](const ScalingRow& other) {
      return same_series(row, other) && row.ranks == other.ranks;
    });
    if (same != all.end()) {
      if (same->batch != row.batch || same->threads != row.threads) {
        throw data_error(
            format("'%s' was measured with batches of %d and of %d on %d and on %d threads",
                   row.model.c_str(), same->batch, row.batch, same->threads, row.threads),
            "the tables of --from", "put tables of equal jobs together");
      }
      merge(*same, row);
      continue;
    }
    // Behind the last of its series that has fewer ranks; a new series goes to the end.
    auto place = all.end();
    for (auto at = all.begin(); at != all.end(); ++at) {
      if (!same_series(row, *at)) continue;
      place = at->ranks < row.ranks ? at + 1 : at;
      if (at->ranks > row.ranks) break;
    }
    all.insert(place, row);
  }
  const ScalingRow* base = nullptr;
  for (ScalingRow& row : all) {
    if (base == nullptr || !same_series(*base, row)) base = &row;
    row.speedup = row.images_per_s / base->images_per_s;
    row.ideal = static_cast<double>(row.ranks) / base->ranks;
  }
  return all;
}

std::string to_text(const std::vector<ScalingRow>& rows) {
  std::string text =
      format("%-9s %-10s %-6s %5s %7s %7s | %10s %7s | %8s %10s | %8s %8s %8s %8s\n", "kind",
             "model", "mode", "ranks", "threads", "batch", "images/s", "spread", "speed-up",
             "efficiency", "compute", "data", "exposed", "hidden");
  for (const ScalingRow& row : rows) {
    text += format(
        "%-9s %-10s %-6s %5d %7d %7d | %10.0f %6.1f%% | %8.2f %9.1f%% | %7.2f%% %7.2f%% %7.2f%% "
        "%7.2f%%\n",
        row.kind.c_str(), row.model.c_str(), row.mode.c_str(), row.ranks, row.threads, row.batch,
        row.images_per_s, 100 * row.spread(), row.speedup, 100 * row.efficiency(),
        100 * row.shares.compute, 100 * row.shares.data_wait, 100 * row.shares.exposed_comm,
        100 * row.shares.hidden_comm);
  }
  return text;
}

nlohmann::ordered_json to_json(const std::vector<ScalingRow>& rows) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const ScalingRow& row : rows) {
    json.push_back({{"what", format("train %s, %s, %d rank%s", row.model.c_str(), row.mode.c_str(),
                                    row.ranks, row.ranks == 1 ? "" : "s")},
                    {"unit", "images/s"},
                    {"kind", row.kind},
                    {"model", row.model},
                    {"mode", row.mode},
                    {"ranks", row.ranks},
                    {"threads", row.threads},
                    {"batch", row.batch},
                    {"repetitions", row.repetitions},
                    {"ours", row.images_per_s},
                    {"least", row.images_per_s_least},
                    {"most", row.images_per_s_most},
                    {"spread", row.spread()},
                    {"limit", row.images_per_s / row.efficiency()},
                    {"compute_share", row.shares.compute},
                    {"data_wait_share", row.shares.data_wait},
                    {"exposed_comm_share", row.shares.exposed_comm},
                    {"hidden_comm_share", row.shares.hidden_comm},
                    {"step_s", row.step_s()},
                    {"speedup", row.speedup},
                    {"efficiency", row.efficiency()}});
  }
  return json;
}

std::string to_csv(const std::vector<ScalingRow>& rows) {
  std::string text = std::string(csv_heading) + "\n";
  for (const ScalingRow& row : rows) {
    text += format("%s,%s,%s,%d,%d,%d,%d,%.17g,%.17g,%.17g", row.kind.c_str(), row.model.c_str(),
                   row.mode.c_str(), row.ranks, row.threads, row.batch, row.repetitions,
                   row.images_per_s, row.images_per_s_least, row.images_per_s_most);
    for (double TimeShares::*share : all_shares) text += format(",%.17g", row.shares.*share);
    text += format(",%.17g,%.17g,%.17g\n", row.step_s(), row.speedup, row.efficiency());
  }
  return text;
}

namespace {

// The next line, as spreadsheets may write it: with a mark of UTF-8 before the first and CR at
// ends.
bool next_line(std::istringstream& stream, std::string* line) {
  constexpr std::string_view mark = "\xEF\xBB\xBF";
  const bool first = stream.tellg() == 0;
  if (!std::getline(stream, *line)) return false;
  if (first && line->starts_with(mark)) line->erase(0, mark.size());
  if (line->ends_with('\r')) line->pop_back();
  return true;
}

}  // namespace

std::vector<ScalingRow> parse_csv(const std::string& text, const std::string& file) {
  std::istringstream stream(text);
  std::string line;
  if (!next_line(stream, &line) || line != csv_heading) {
    throw data_error("this is no table of a scaling study", file + ", line 1",
                     "give files that `podium bench scaling` has written");
  }
  std::vector<ScalingRow> rows;
  for (int number = 2; next_line(stream, &line); ++number) {
    if (line.empty() || line == csv_heading) continue;  // of files put together
    ScalingRow row;
    if (!parse_row(split(line), &row)) {
      throw data_error("this is no row of a scaling study: " + line,
                       file + ", line " + std::to_string(number), "correct or remove it");
    }
    rows.push_back(row);
  }
  return rows;
}

}  // namespace podium::bench
