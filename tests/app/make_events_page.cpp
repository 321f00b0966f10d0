// Prints docs/events.md: make_events_page > docs/events.md
#include <iostream>

#include "event_table.hpp"

int main() {
  std::cout << podium::events_markdown();
}
