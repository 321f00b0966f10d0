// From the checked configuration to what training through parameter servers needs.
#pragma once

#include <string>

#include "config.hpp"
#include "ps/options.hpp"
#include "train/ps_options.hpp"

namespace podium {

// What --ps.* say of the servers. Throws usage_error for what contradicts itself.
ps::GroupOptions server_options(const Config& config);

// The same for the trainers of `verb`. Throws usage_error for what the verb cannot do.
train::PsOptions ps_training_options(const Config& config, const std::string& verb);

// An option of theirs that is set although nobody trains by them; empty: none.
std::string idle_server_option(const Config& config);

}  // namespace podium
