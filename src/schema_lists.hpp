// The lists of which schema.cpp makes the one table, section by section, in the order of the
// documentation.
#pragma once

#include <vector>

#include "schema.hpp"

namespace podium::schema {

std::vector<OptionSpec> see_options();  // what a run shows of itself
std::vector<OptionSpec> comm_options();
std::vector<OptionSpec> ps_options();
std::vector<OptionSpec> ckpt_options();
std::vector<OptionSpec> engine_options();
std::vector<OptionSpec> serve_options();

std::vector<OptionSpec> search_job_options();
std::vector<OptionSpec> learn_options();

std::vector<OptionSpec> bench_options();
std::vector<OptionSpec> search_options();
std::vector<OptionSpec> search_bench_options();
std::vector<OptionSpec> load_options();     // of bench serve
std::vector<OptionSpec> predict_options();  // and of export
std::vector<OptionSpec> top_options();
std::vector<OptionSpec> study_options();  // of bench scaling, bench sync and plan

}  // namespace podium::schema
