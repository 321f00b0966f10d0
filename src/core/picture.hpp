// Picture: a board as lines for a terminal of any size. Pure.
//
//   podium run  fashion_mnist  1 min 12 s
//   roles   ingest 0 | train 1-2 | ckpt 3 | serve 0
//   ingest  ████████████████████ 100%  in 3 s
//   cnn     ███████████▌░░░░░░░░  57%  41 s left  epoch 6/10  loss 0.312  accuracy 0.9012
//
// Columns line up. What does not fit goes first: the end of notes, then times, then the bars
// themselves; of more things than there are rows, those that are done.
#pragma once

#include <vector>

#include "core/board.hpp"
#include "core/screen.hpp"

namespace podium {

struct Canvas {
  size_t columns = 80;
  size_t rows = 24;  // that the picture may take
  bool utf8 = true;
};

// Nothing while the board has only a title. No line is longer than the canvas is wide, and there
// are no more than its rows.
std::vector<screen::Line> picture_of(const Board::Contents& board, const Canvas& canvas);

}  // namespace podium
