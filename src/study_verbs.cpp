#include "study_verbs.hpp"

#include <nlohmann/json.hpp>

#include "bench/scaling_plot.hpp"
#include "comm/barrier.hpp"
#include "io/files/atomic_file.hpp"
#include "io/sources/source.hpp"
#include "study_settings.hpp"
#include "value_lists.hpp"
#include "verb_parts.hpp"
#include "workflow/training_step.hpp"

namespace podium {
namespace {

using Json = nlohmann::ordered_json;

// The rows of the files that --bench.from names, put together.
bench::ScalingStudy collected_study(const std::string& files) {
  std::vector<bench::ScalingRow> rows;
  for (const std::string& file : split_list(files)) {
    for (bench::ScalingRow& row : bench::parse_csv(io::read_text_file(file), file)) {
      rows.push_back(std::move(row));
    }
  }
  if (rows.empty()) throw data_error("there is no measurement", files, "measure first");
  return {bench::derive(std::move(rows)), 0};
}

bench::ScalingStudy measured_study(const VerbContext& context, comm::Communicator& group) {
  const workflow::Settings& settings = context.settings;
  bench::ScalingOptions options = scaling_options(context.config, settings, context.log);
  // Before anything is prepared.
  const int most = bench::scaling_ranks(options, group.size()).back();
  options.how.threads =
      settings.threads > 0 ? settings.threads : workflow::threads_per_trainer(most, context.mpi);
  const workflow::IngestOutcome cache = ingest(context, group);
  const io::Dataset dataset = workflow::open_dataset(cache.cache, cache.generation, settings);
  return bench::bench_scaling(context.mpi, dataset, options);
}

void tell_study(const VerbContext& context, const bench::ScalingStudy& study) {
  const std::filesystem::path csv = context.settings.run_dir / "scaling.csv";
  const std::filesystem::path plot = context.settings.run_dir / "scaling.svg";
  io::write_text_file(csv, bench::to_csv(study.rows));
  io::write_text_file(plot, bench::scaling_plot(study.rows));
  print_table(context, bench::to_text(study.rows));
  context.log.info("bench: wrote " + csv.string() + " and " + plot.string());
  Json result = {{"verb", "bench"}, {"what", context.subject}};
  if (context.config.text("bench.from").empty()) {
    result.update({{"repetitions", context.config.integer("bench.repetitions")},
                   {"seconds", context.config.real("bench.seconds")},
                   {"node_cores", context.mpi.node_cores()},
                   {"waiting_cpu_share", study.waiting_cpu_share}});
  }
  result.update(
      {{"csv", csv.string()}, {"plot", plot.string()}, {"rows", bench::to_json(study.rows)}});
  print_result(context, result);
}

// The images as the source's headers tell them; nothing is ingested.
plan::DataShape data_shape(const io::IngestOptions& ingest, const Log& log, uint64_t budget) {
  const auto source = io::open_source({ingest.source, ingest.cache_dir / "downloads",
                                       ingest.data_folders, ingest.mirrors, log, ingest.transform});
  const io::SourceInfo& info = source->info();
  if (info.train_records <= ingest.validation_records) {
    throw usage_error("the source has " + std::to_string(info.train_records) +
                          " training records, which would all be validation",
                      "io.validation", "set fewer aside");
  }
  plan::DataShape data;
  data.image = {static_cast<int>(info.shape.channels), static_cast<int>(info.shape.height),
                static_cast<int>(info.shape.width)};
  data.classes = static_cast<int>(info.class_names.size());
  data.records = info.train_records - ingest.validation_records;
  data.all_records = info.train_records + info.test_records;
  data.cache_budget = budget;
  return data;
}

}  // namespace

ExitCode bench_scaling_verb(const VerbContext& context) {
  const std::unique_ptr<comm::Communicator> group = everyone(context, "bench");
  const std::string files = context.config.text("bench.from");
  if (files.empty()) {
    const bench::ScalingStudy study = measured_study(context, *group);
    if (group->rank() == 0) tell_study(context, study);
  } else if (group->rank() == 0) {
    tell_study(context, collected_study(files));
  }
  comm::barrier(*group, patient);
  return ExitCode::done;
}

ExitCode plan_verb(const VerbContext& context) {
  const std::unique_ptr<comm::Communicator> group = everyone(context, "plan");
  const workflow::Settings& settings = context.settings;
  if (group->rank() == 0) {
    plan::PlanOptions options = plan_options(context.config, settings, context.log);
    options.data = data_shape(settings.ingest, context.log, settings.cache_memory_bytes);
    options.threads = settings.threads > 0
                          ? settings.threads
                          : std::max(1, context.mpi.node_cores() / options.ranks_per_node);
    const plan::Plan plan = plan::make_plan(options);
    print_table(context, plan::to_text(plan));
    Json result = {{"verb", "plan"}};
    result.update(plan::to_json(plan));
    print_result(context, result);
  }
  comm::barrier(*group, patient);
  return ExitCode::done;
}

}  // namespace podium
