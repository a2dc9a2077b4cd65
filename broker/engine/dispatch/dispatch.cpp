#include "broker/engine/dispatch/dispatch.h"

#include <algorithm>
#include <array>
#include <tuple>

namespace zebu::broker {
namespace {

namespace bi = boost::intrusive;
using SetHook = bi::set_member_hook<>;

}  // namespace

// A consumer.
struct Seat {
  SessionId id = 0;
  Group* group = nullptr;
  std::int64_t free = 0;
  std::uint32_t credit = 0;
  std::uint64_t turn = 0;  // of its last job
  SetHook hook;

  [[nodiscard]] bool is_willing() const { return credit > 0; }
};

struct BySlots {
  bool operator()(const Seat& a, const Seat& b) const {
    return std::tuple(-a.free, a.turn, a.id) < std::tuple(-b.free, b.turn, b.id);
  }
};

// A line as one group sees it.
struct Link {
  Group* group = nullptr;
  Route* route = nullptr;
  LineKey key;
  SetHook ready;
  bi::list_member_hook<> all;
};

struct ByFirstJob {
  bool operator()(const Link& a, const Link& b) const { return std::tie(a.key, a.route) < std::tie(b.key, b.route); }
};

struct Route {
  LineName name;
  Line* line = nullptr;
  std::optional<Dispatch::Head> head;
  std::vector<std::unique_ptr<Link>> links;
};

struct Group {
  std::vector<std::string> queues;
  std::vector<std::string> tasks;  // in order
  bool is_known = false;
  std::size_t consumers = 0;
  bi::set<Seat, bi::member_hook<Seat, SetHook, &Seat::hook>, bi::compare<BySlots>> willing;
  bi::set<Link, bi::member_hook<Link, SetHook, &Link::ready>, bi::compare<ByFirstJob>> ready;
  bi::list<Link, bi::member_hook<Link, bi::list_member_hook<>, &Link::all>> links;
  // While it is among the active ones.
  Dispatch::Want want = Dispatch::Want::slots;
  LineKey key;
  SetHook hook;

  [[nodiscard]] bool takes(const Dispatch::Head& head) const { return is_known || !head.is_durable; }
  [[nodiscard]] bool knows(const std::string& task) const {
    return std::binary_search(tasks.begin(), tasks.end(), task);
  }
};

struct ByKey {
  bool operator()(const Group& a, const Group& b) const {
    const Group* const first = &a;
    const Group* const second = &b;
    return std::tie(a.key, first) < std::tie(b.key, second);
  }
};

struct Dispatch::Sets {
  using Set = bi::set<Group, bi::member_hook<Group, SetHook, &Group::hook>, bi::compare<ByKey>>;
  std::array<Set, 2> by_want;

  [[nodiscard]] Set& of(Want want) { return by_want[static_cast<std::size_t>(want)]; }
};

Dispatch::Dispatch() : active_(std::make_unique<Sets>()) {}

Dispatch::~Dispatch() {
  for (auto& set : active_->by_want) set.clear();
  for (auto& [signature, group] : groups_) {
    group->willing.clear();
    group->ready.clear();
    group->links.clear();
  }
}

// ── lines ───────────────────────────────────────────────────────────────────────────────────────────────────────────

Route& Dispatch::add_line(LineName name, Line* line) {
  auto& route = routes_[name];
  route = std::make_unique<Route>();
  route->name = std::move(name);
  route->line = line;
  if (const auto serving = serving_.find(route->name.queue); serving != serving_.end()) {
    for (Group* group : serving->second) link(*group, *route);
  }
  return *route;
}

void Dispatch::remove(Route& line) {
  set_head(line, std::nullopt);
  for (auto& link : line.links) link->group->links.erase(link->group->links.iterator_to(*link));
  routes_.erase(LineName(line.name));
}

void Dispatch::link(Group& group, Route& line) {
  if (!group.knows(line.name.task)) return;
  Link& link = *line.links.emplace_back(std::make_unique<Link>());
  link.group = &group;
  link.route = &line;
  group.links.push_back(link);
  if (!line.head || !group.takes(*line.head)) return;
  link.key = line.head->key;
  group.ready.insert(link);
  refresh(group);
}

void Dispatch::set_head(Route& line, const std::optional<Head>& head) {
  line.head = head;
  for (auto& link : line.links) {
    Group& group = *link->group;
    const bool is_ready = head && group.takes(*head);
    if (link->ready.is_linked()) {
      if (is_ready && link->key == head->key) continue;
      group.ready.erase(group.ready.iterator_to(*link));
    } else if (!is_ready) {
      continue;
    }
    if (is_ready) {
      link->key = head->key;
      group.ready.insert(*link);
    }
    refresh(group);
  }
}

bool Dispatch::is_served(const Route& line) { return !line.links.empty(); }

// ── consumers ───────────────────────────────────────────────────────────────────────────────────────────────────────

Group& Dispatch::group(std::vector<std::string> queues, std::vector<std::string> tasks, bool is_known) {
  auto& group = groups_[{queues, tasks, is_known}];
  if (group) return *group;
  group = std::make_unique<Group>();
  group->queues = std::move(queues);
  group->tasks = std::move(tasks);
  group->is_known = is_known;
  for (const std::string& queue : group->queues) {
    serving_[queue].push_back(group.get());
    for (auto at = routes_.lower_bound(LineName{queue, {}, {}}); at != routes_.end() && at->first.queue == queue;
         ++at) {
      link(*group, *at->second);
    }
  }
  return *group;
}

void Dispatch::unlink(Group& group) {
  while (!group.links.empty()) {
    Link& link = group.links.front();
    if (link.ready.is_linked()) group.ready.erase(group.ready.iterator_to(link));
    group.links.pop_front();
    std::erase_if(link.route->links, [&](const auto& each) { return each.get() == &link; });
  }
  for (const std::string& queue : group.queues) {
    const auto serving = serving_.find(queue);
    std::erase(serving->second, &group);
    if (serving->second.empty()) serving_.erase(serving);
  }
  groups_.erase(Signature(group.queues, group.tasks, group.is_known));
}

Seat& Dispatch::add_consumer(SessionId id, std::vector<std::string> queues, std::vector<std::string> tasks) {
  for (std::vector<std::string>* names : {&queues, &tasks}) {
    std::sort(names->begin(), names->end());
    names->erase(std::unique(names->begin(), names->end()), names->end());
  }
  auto& seat = seats_[id];
  seat = std::make_unique<Seat>();
  seat->id = id;
  join(*seat, group(std::move(queues), std::move(tasks), false));
  return *seat;
}

void Dispatch::remove(Seat& consumer) {
  leave(consumer);
  seats_.erase(SessionId(consumer.id));
}

void Dispatch::join(Seat& consumer, Group& group) {
  consumer.group = &group;
  ++group.consumers;
  if (consumer.is_willing()) group.willing.insert(consumer);
  refresh(group);
}

void Dispatch::leave(Seat& consumer) {
  Group& group = *consumer.group;
  if (consumer.hook.is_linked()) group.willing.erase(group.willing.iterator_to(consumer));
  refresh(group);
  if (--group.consumers == 0) unlink(group);
}

void Dispatch::set_known(Seat& consumer) {
  Group& before = *consumer.group;
  if (before.is_known) return;
  Group& known = group(before.queues, before.tasks, true);
  leave(consumer);
  join(consumer, known);
}

void Dispatch::set(Seat& consumer, std::int64_t free, std::uint32_t credit) {
  if (consumer.free == free && consumer.is_willing() == (credit > 0)) {
    consumer.credit = credit;
    return;
  }
  Group& group = *consumer.group;
  if (consumer.hook.is_linked()) group.willing.erase(group.willing.iterator_to(consumer));
  consumer.free = free;
  consumer.credit = credit;
  if (consumer.is_willing()) group.willing.insert(consumer);
  refresh(group);
}

// ── both ────────────────────────────────────────────────────────────────────────────────────────────────────────────

// Whether it is among the active groups, and where.
void Dispatch::refresh(Group& group) {
  const bool was_active = group.hook.is_linked();
  const bool is_active = !group.willing.empty() && !group.ready.empty();
  if (!was_active && !is_active) return;
  const Want want = is_active && group.willing.begin()->free > 0 ? Want::slots : Want::ahead;
  if (was_active && is_active && group.want == want && group.key == group.ready.begin()->key) return;
  if (was_active) active_->of(group.want).erase(active_->of(group.want).iterator_to(group));
  if (!is_active) return;
  group.want = want;
  group.key = group.ready.begin()->key;
  active_->of(want).insert(group);
}

std::optional<Dispatch::Match> Dispatch::next(Want want) {
  auto& active = active_->of(want);
  if (active.empty()) return std::nullopt;
  const Route& line = *active.begin()->ready.begin()->route;
  Seat* best = nullptr;
  Seat* last_choice = nullptr;
  for (const auto& link : line.links) {
    if (!link->ready.is_linked()) continue;
    for (Seat& seat : link->group->willing) {
      if (line.head->failed_on == seat.id) {
        last_choice = &seat;
        continue;
      }
      if (best == nullptr || BySlots()(seat, *best)) best = &seat;
      break;
    }
  }
  const bool is_better = last_choice != nullptr && (best == nullptr || (last_choice->free > 0 && best->free <= 0));
  Seat& chosen = is_better ? *last_choice : *best;
  Group& group = *chosen.group;
  group.willing.erase(group.willing.iterator_to(chosen));
  chosen.turn = ++turn_;
  group.willing.insert(chosen);
  return Match{chosen.id, line.line};
}

}  // namespace zebu::broker
