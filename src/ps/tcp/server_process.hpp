// The process of one server: what a group starts, with how it finds the group on its socket.
//
// It listens, connects to the group, is told what it is to be, and serves until the group goes.
#pragma once

#include <string>
#include <vector>

#include "core/worker_process.hpp"
#include "ps/tcp/control.hpp"

namespace podium::ps {

// Starts the process of server `number`, which is to listen at HOST:0 of the group's host. Throws
// io_error.
WorkerProcess start_server(int number, const Ticket& ticket);

}  // namespace podium::ps
