// Prints docs/options.md: make_options_page > docs/options.md
#include <iostream>

#include "options.hpp"

int main() {
  std::cout << podium::options_markdown();
}
