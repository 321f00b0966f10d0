// Loads on real services; main() starts this executable again as their replicas. Nothing is timed,
// but for times that cannot be shorter.
#include "bench/serve_bench.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <set>

#include "bench/echo_server.hpp"
#include "bench/fixed_replica.hpp"
#include "bench/own_service.hpp"
#include "core/error.hpp"
#include "serve/certificate.hpp"
#include "temporary_folder.hpp"

namespace podium::bench {
namespace {

ServeBenchOptions options(const std::vector<std::string>& cases) {
  ServeBenchOptions options;
  options.cases = cases;
  options.kinds = {"json"};
  options.load.seconds = 0.2;
  options.repetitions = 2;
  options.service.model_name = "made";
  options.log = Log(LogLevel::error, "test");
  return options;
}

ServedModel fixed(int milliseconds) {
  return {"fixed", "fixed", fixed_replica_arguments("made", milliseconds), {1, 28, 28, 1}};
}

TEST(Load, AClosedLoopGetsAnAnswerToEachRequest) {
  const EchoServer echo;
  LoadOptions load;
  load.clients = 5;
  load.threads = 2;
  load.seconds = 0.2;
  const LoadReport report =
      run_load({"127.0.0.1", echo.port(), {post({"x", "/"}, "some body")}}, load);
  EXPECT_GT(report.due, 5);
  EXPECT_EQ(report.answered(), report.due);
  EXPECT_EQ(report.latency.count(), report.due);
  EXPECT_GT(report.cpu_s, 0);
  EXPECT_GE(report.seconds, 0.2);
}

TEST(Load, AnOpenLoopSendsWhatIsDueAndNoMore) {
  const EchoServer echo;
  LoadOptions load;
  load.arrivals = ArrivalKind::constant;
  load.per_second = 200;
  load.seconds = 0.5;
  const LoadReport report = run_load({"localhost", echo.port(), {post({"x", "/"}, "")}}, load);
  EXPECT_EQ(report.due, 100);
  EXPECT_EQ(report.answered(), 100);
}

// One replica takes 20 ms a request, and ten are due at once every time: the last of them cannot
// have its answer before 200 ms, by whichever connection it was sent.
TEST(Load, ALatencyCountsFromTheMomentDue) {
  ServeBenchOptions how = options({});
  const OwnService service(how, fixed(20), 1, 1);
  LoadOptions load;
  load.arrivals = ArrivalKind::bursts;
  load.burst = 10;
  load.per_second = 50;
  load.connections = 1;  // so that nine of ten wait here, not in the service
  load.seconds = 0.3;
  const LoadReport report = run_load(service.target("json"), load);
  ASSERT_GE(report.answered(), 10);
  EXPECT_EQ(report.answered(), report.due);
  EXPECT_GE(report.latency.most_ms(), 200);
  EXPECT_GE(report.latency.percentile(0.5), 80);
  EXPECT_GE(report.lateness.most_ms(), 180);
}

TEST(Load, RefusalsAreCountedByStatus) {
  ServeBenchOptions how = options({});
  how.service.queue_limit = 1;
  const OwnService service(how, fixed(20), 1, 1);
  LoadOptions load;
  load.clients = 4;
  load.seconds = 0.2;
  const LoadReport report = run_load(service.target("json"), load);
  EXPECT_GT(report.statuses.at(429), 0);
  EXPECT_GT(report.answered(), 0);
  EXPECT_EQ(report.statuses.at(429) + report.answered(), report.due);
  EXPECT_EQ(report.failed(), report.statuses.at(429));
}

TEST(Load, AnswersThatDoNotComeInTimeAreCounted) {
  ServeBenchOptions how = options({});
  const OwnService service(how, fixed(2000), 1, 1);
  LoadOptions load;
  load.clients = 3;
  load.seconds = 0.1;
  load.timeout = std::chrono::milliseconds(200);
  const LoadReport report = run_load(service.target("json"), load);
  EXPECT_EQ(report.answered(), 0);
  EXPECT_EQ(report.timed_out, report.due);
}

// The code of the error by which a load ends; `done` for none.
ExitCode refusal(const LoadTarget& target) {
  LoadOptions load;
  load.clients = 2;
  load.seconds = 0.1;
  try {
    run_load(target, load);
    return ExitCode::done;
  } catch (const Error& error) {
    EXPECT_NE(error.what(), std::string()) << "in words";
    return error.code();
  }
}

TEST(Load, SpeaksTlsWithWhomItTrusts) {
  const test::TemporaryFolder folder;
  serve::test::make_certificate(folder.path(), "localhost");
  serve::test::make_certificate(folder.path(), "other");
  const auto file = [&](const char* name) { return (folder.path() / name).string(); };
  ServeBenchOptions how = options({});
  how.service.tls_certificate = file("localhost.crt");
  how.service.tls_key = file("localhost.key");
  how.images = 200;  // a reply of more than a record of TLS
  const OwnService service(how, fixed(0), 1, 0);
  LoadOptions load;
  load.clients = 3;
  load.seconds = 0.2;
  LoadTarget target = service.target("json");
  const LoadReport report = run_load(target, load);
  EXPECT_GT(report.due, 3);
  EXPECT_EQ(report.answered(), report.due);

  target.credentials.any_name = false;
  EXPECT_EQ(refusal(target), ExitCode::unavailable) << "it is no certificate of an address";
  target.host = "localhost";
  EXPECT_EQ(refusal(target), ExitCode::done);
  target.credentials.trusted = file("other.crt");
  EXPECT_EQ(refusal(target), ExitCode::unavailable);
  target.credentials.trusted = file("none.crt");
  EXPECT_EQ(refusal(target), ExitCode::io);
  const EchoServer plain;
  target.credentials.trusted = file("localhost.crt");
  target.port = plain.port();
  load.clients = 0;
  const LoadReport unanswered = run_load(target, load);
  EXPECT_EQ(unanswered.answered(), 0);
  EXPECT_EQ(unanswered.broken, unanswered.due) << "it closes what it takes for nonsense";
}

TEST(Load, SaysThatNothingListens) {
  int port = 0;
  {
    const EchoServer echo;
    port = echo.port();
  }
  try {
    run_load({"127.0.0.1", port, {"x"}}, {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::unavailable);
  }
}

TEST(ServeBench, CasesHaveTheirRows) {
  ServeBenchOptions how = options({"costs", "fixed", "replicas", "load"});
  how.models = {fixed(0)};
  how.repetitions = 1;
  how.load.seconds = 0.1;
  const std::vector<ServeRow> rows = bench_serve(how);
  ASSERT_EQ(rows.size(),
            9U);  // no model and its echo, the model and its echo, 1 and 3, 1 and 2, half
  for (const ServeRow& row : rows) {
    EXPECT_GT(row.per_second, 0) << row.what;
    EXPECT_TRUE(row.failed.empty()) << row.what;
    EXPECT_GE(row.service_us, 0) << row.what;
    EXPECT_LE(row.p50_ms, row.p99_ms) << row.what;
    EXPECT_LE(row.p99_ms, row.most_ms * 1.0001) << row.what;
  }
  EXPECT_EQ(rows[0].theirs, "echo of json");
  EXPECT_EQ(rows[5].theirs, rows[4].what);
  EXPECT_NE(rows[5].what.find("3 replicas"), std::string::npos);
  EXPECT_GT(rows[8].asked_per_second, 0);
}

TEST(ServeBench, AnUnknownCaseIsRefused) {
  EXPECT_THROW(bench_serve(options({"everything"})), Error);
}

// The service has no such model, and says so to each request.
TEST(ServeBench, WhereNothingIsAnsweredThereAreNoFigures) {
  ServeBenchOptions how = options({});
  const OwnService service(how, fixed(0), 1, 0);
  LoadTarget target = service.target("json");
  target.requests = {post({"x", "/v2/models/other/infer"}, "{}")};
  const auto expect_refusal = [&] {
    try {
      bench_server(target, how);
      ADD_FAILURE() << "figures of nothing";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::unavailable);
      EXPECT_NE(std::string(error.what()).find("404: "), std::string::npos) << error.what();
    }
  };
  expect_refusal();  // at half of what is reached
  how.pace.kind = Pace::Kind::search;
  expect_refusal();
  how.pace.kind = Pace::Kind::given;
  how.pace.rates = {50};
  expect_refusal();
  how.load.clients = 2;
  expect_refusal();
}

TEST(ServeBench, ARunningServerIsMeasuredAtEachRate) {
  const EchoServer echo;
  ServeBenchOptions how = options({});
  how.pace.kind = Pace::Kind::given;
  how.pace.rates = {50, 100};
  const LoadTarget target{"127.0.0.1", echo.port(), {post({"x", "/any"}, "{}")}};
  const std::vector<ServeRow> rows = bench_server(target, how);
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[1].asked_per_second, 100);
  EXPECT_LT(rows[0].service_us, 0);  // another's process
  how.load.clients = 3;
  EXPECT_EQ(bench_server(target, how).size(), 1U);
}

}  // namespace
}  // namespace podium::bench

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (podium::bench::is_fixed_replica(arguments)) podium::bench::fixed_replica(arguments);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
