#include "top/top.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/clock.hpp"
#include "core/error.hpp"
#include "serve/client/client.hpp"
#include "top/page.hpp"
#include "top/terminal.hpp"

namespace podium::top {
namespace {

using namespace std::chrono_literals;

constexpr auto patience = 2s;       // for an answer
constexpr auto look_around = 50ms;  // for a signal

class View {
 public:
  View(const TopOptions& options, const std::atomic<bool>& stop)
      : options_(options),
        stop_(stop),
        server_(options.host + ":" + std::to_string(options.port)),
        client_(options.host, options.port, patience, options.credentials) {}

  int run() {
    lines_ = fetch();  // a view of nothing is none
    Terminal terminal;
    while (true) {
      terminal.show(lines_);
      ++shown_;
      if (shown_ == options_.count || quits(terminal)) break;
      refresh();
    }
    return shown_;
  }

  const std::optional<Error>& trouble() const { return trouble_; }

 private:
  std::vector<Line> fetch() {
    const serve::HttpReply reply = client_.request("GET", "/v2/stats");
    if (reply.status == 401) {
      throw unavailable_error("the service asks for its token", server_,
                              "give the run folder, or --token_file=RUN/serve.token");
    }
    if (reply.status != 200) {
      throw unavailable_error("the service answers with status " + std::to_string(reply.status),
                              server_, "see whether it is one of Podium");
    }
    return page_of(nlohmann::ordered_json::parse(reply.body, nullptr, false), server_);
  }

  void refresh() {
    try {
      lines_ = fetch();
      trouble_.reset();
    } catch (const Error& error) {
      if (error.code() != ExitCode::unavailable) throw;
      if (trouble_) lines_.erase(lines_.begin());  // what was said last time
      trouble_ = error;
      lines_.insert(lines_.begin(),
                    {server_ + " does not answer; below is what it said last", Line::Colour::red});
    }
  }

  bool quits(Terminal& terminal) const {
    const Deadline next(options_.interval);
    while (!stop_ && !next.expired()) {
      if (terminal.quit_within(std::min<std::chrono::milliseconds>(look_around, options_.interval)))
        return true;
    }
    return stop_;
  }

  const TopOptions& options_;
  const std::atomic<bool>& stop_;
  const std::string server_;
  serve::Client client_;
  std::vector<Line> lines_;
  std::optional<Error> trouble_;
  int shown_ = 0;
};

}  // namespace

int run_top(const TopOptions& options, const std::atomic<bool>& stop) {
  View view(options, stop);
  const int shown = view.run();
  if (options.count > 0 && view.trouble()) throw Error(*view.trouble());
  return shown;
}

}  // namespace podium::top
