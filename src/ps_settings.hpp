// From the checked configuration to what training through parameter servers needs.
#pragma once

#include <optional>
#include <string>

#include "config.hpp"
#include "ps/options.hpp"
#include "train/ps_options.hpp"

namespace podium {

// What --ps.* say of the servers, or with `consistency` in place of that which they name. Throws
// usage_error for what contradicts itself.
ps::GroupOptions server_options(const Config& config,
                                std::optional<ps::Consistency> consistency = {});

// The same for the trainers of `verb`. Throws usage_error for what the verb cannot do.
train::PsOptions ps_training_options(const Config& config, const std::string& verb,
                                     std::optional<ps::Consistency> consistency = {});

// "bsp", "ssp" or "asp".
ps::Consistency parse_consistency(const std::string& text);

}  // namespace podium
