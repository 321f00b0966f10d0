// What a shell completes behind `podium`, as tables of the verbs and the schema of options.
#pragma once

#include <string>

namespace podium {

// Associative arrays of bash: packaging/completion.bash, which reads them, tells their form.
std::string completion_tables();

}  // namespace podium
