#include "search/staff.hpp"

#include "core/error.hpp"

namespace podium::search {
namespace {

using namespace std::chrono_literals;
using What = CrewEvent::What;

// How long a rank listens to its workers before it looks at its mail: idle ranks hardly compute.
constexpr Crew::Milliseconds between_looks{5};
constexpr auto end_limit = 30s;

Json letter_of(const CrewEvent& event) {
  return {{"worker", event.worker},
          {"what", static_cast<int>(event.what)},
          {"life", event.life},
          {"message", event.message},
          {"why", event.why}};
}

CrewEvent event_of(const Json& letter) {
  return {.worker = letter.at("worker"),
          .what = static_cast<What>(letter.at("what").get<int>()),
          .life = letter.at("life"),
          .message = letter.at("message"),
          .why = letter.at("why")};
}

}  // namespace

Staff::Staff(const SearchLayout& layout, Crew& crew, Mail* mail)
    : layout_(layout), crew_(crew), mail_(mail), lives_(static_cast<size_t>(layout.workers())) {}

void Staff::send(int worker, const Json& message) {
  const int rank = layout_.rank_of(worker);
  const int life = lives_[static_cast<size_t>(worker)];
  if (rank == 0) return crew_.send(worker, life, message);
  mail_->send(rank, {{"worker", worker}, {"life", life}, {"message", message}});
}

void Staff::note(const CrewEvent& event) {
  lives_[static_cast<size_t>(event.worker)] = event.life;
}

std::vector<CrewEvent> Staff::take(Crew::Milliseconds patience) {
  const Deadline deadline(patience);
  const Crew::Milliseconds share = mail_ == nullptr ? patience : between_looks;
  std::vector<CrewEvent> events;
  do {
    if (mail_ != nullptr) take_mail(&events);
    for (CrewEvent& event : crew_.take(events.empty() ? share : 0ms)) {
      events.push_back(std::move(event));
    }
  } while (events.empty() && !deadline.expired());
  return events;
}

void Staff::take_mail(std::vector<CrewEvent>* events) {
  while (const auto letter = mail_->take()) {
    const Json& message = letter->message;
    if (message.contains("stop")) {
      asked_to_stop_ = true;
    } else if (message.contains("ended")) {
      ++ranks_ended_;
      remote_cpu_s_ += message.at("cpu_s").get<double>();
    } else {
      events->push_back(event_of(message));
    }
  }
}

double Staff::end() {
  if (mail_ != nullptr) {
    for (int rank = 1; rank < mail_->ranks(); ++rank) mail_->send(rank, {{"end", true}});
  }
  crew_.end();
  if (mail_ == nullptr) return crew_.cpu_s();
  const Deadline deadline(end_limit);
  Backoff backoff(Backoff::Kind::idle);
  std::vector<CrewEvent> ignored;
  while (ranks_ended_ + 1 < mail_->ranks()) {
    take_mail(&ignored);
    if (deadline.expired()) {
      throw internal_error("only " + std::to_string(ranks_ended_) + " of " +
                               std::to_string(mail_->ranks() - 1) + " other ranks have ended",
                           "search", "see whether one of them died or stalled");
    }
    backoff.pause();
  }
  mail_->flush();
  return crew_.cpu_s() + remote_cpu_s_;
}

void keep_crew(Mail& mail, Crew& crew, const std::function<bool()>& should_stop) {
  bool told = false;
  while (true) {
    for (const CrewEvent& event : crew.take(between_looks)) mail.send(0, letter_of(event));
    if (!told && should_stop()) {
      mail.send(0, {{"stop", true}});
      told = true;
    }
    while (const auto letter = mail.take()) {
      if (letter->message.contains("end")) {
        crew.end();
        mail.send(0, {{"ended", true}, {"cpu_s", crew.cpu_s()}});
        return mail.flush();
      }
      const Json& order = letter->message;
      crew.send(order.at("worker"), order.at("life"), order.at("message"));
    }
  }
}

}  // namespace podium::search
