// A worker process that does as it is told, for tests of those who keep workers (core/crew.hpp).
// The tests' executable starts itself as one: its main() hands such commands to run_obedient().
//
//   it is told  {say: anything}     and says the same
//               {exit: status}, {signal: number}: it ends so
//               {burn: seconds}     of processor time; then it says {burnt}
//               {hang}              it is not heard of any more, and does not hear
#pragma once

#include <string>
#include <vector>

namespace podium::test {

// The arguments of one; of one that ends before it has said anything.
std::vector<std::string> obedient_command();
std::vector<std::string> stillborn_command();

bool is_obedient_command(const std::vector<std::string>& arguments);
// Until the other end of its socket is gone. Returns the exit code.
int run_obedient(const std::vector<std::string>& arguments);

}  // namespace podium::test
