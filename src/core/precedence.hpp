// Precedence: which threads get a core first when there are fewer cores than threads to run.
//
// Both are wishes of a thread about itself, which new threads inherit. Linux grants the second one
// since 6.12; where a wish cannot be granted the thread runs as before.
#pragma once

namespace podium {

// For who answers requests: when it wakes it gets a core at once from one that computes on, and no
// more of it than its share.
void start_at_once();

// For work that can wait: it gets what others leave, and hands over within 0.1 ms.
void let_others_first();

}  // namespace podium
