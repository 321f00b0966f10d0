// The selection step: which finished model is published.
#pragma once

#include "ckpt/registry.hpp"

namespace podium::workflow {

// Adds `snapshot`, whose card holds "metrics" with "name" and "val_accuracy", to the candidates and
// publishes it if it is better on validation accuracy than the published one.
ckpt::Registry::Offer add_and_offer(ckpt::Registry& registry, const ckpt::Snapshot& snapshot);

}  // namespace podium::workflow
