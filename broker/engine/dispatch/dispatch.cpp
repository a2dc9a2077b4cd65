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

  // Some consumer that is not poor serves it.
  [[nodiscard]] bool has_better() const;
};

struct Group {
  std::vector<std::string> queues;
  std::vector<std::string> tasks;  // in order
  Dispatch::Kind kind;
  std::size_t consumers = 0;
  bi::set<Seat, bi::member_hook<Seat, SetHook, &Seat::hook>, bi::compare<BySlots>> willing;
  bi::set<Link, bi::member_hook<Link, SetHook, &Link::ready>, bi::compare<ByFirstJob>> ready;
  bi::list<Link, bi::member_hook<Link, bi::list_member_hook<>, &Link::all>> links;
  // While it is among the active ones.
  Dispatch::Want want = Dispatch::Want::slots;
  LineKey key;
  SetHook hook;

  [[nodiscard]] bool takes(const Route& line, const Dispatch::Head& head) const {
    if (kind.is_poor && head.failed_on && line.has_better()) return false;
    return (kind.is_known || !head.is_durable) && !(kind.has_suspect && head.is_suspect);
  }
  [[nodiscard]] bool knows(const std::string& task) const {
    return std::binary_search(tasks.begin(), tasks.end(), task);
  }
};

bool Route::has_better() const {
  return std::any_of(links.begin(), links.end(), [](const auto& link) { return !link->group->kind.is_poor; });
}

// Whether an element whose key has changed is still between its neighbours, so that it need not be taken out.
template <class Set, class Element>
bool is_in_place(Set& set, Element& element) {
  if (set.size() == 1) return true;
  const auto at = set.iterator_to(element);
  const auto less = set.value_comp();
  if (at != set.begin() && !less(*std::prev(at), element)) return false;
  const auto behind = std::next(at);
  return behind == set.end() || less(element, *behind);
}

// Moves it to where its key wants it.
template <class Set, class Element>
void move_in(Set& set, Element& element) {
  if (is_in_place(set, element)) return;
  set.erase(set.iterator_to(element));
  set.insert(element);
}

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
  review(line);
}

// Which groups may have its first job.
void Dispatch::review(Route& line) { set_head(line, std::optional(line.head)); }

void Dispatch::set_head(Route& line, const std::optional<Head>& head) {
  line.head = head;
  for (auto& link : line.links) {
    Group& group = *link->group;
    const bool is_ready = head && group.takes(line, *head);
    const bool was_ready = link->ready.is_linked();
    if (is_ready ? was_ready && link->key == head->key : !was_ready) continue;
    if (!is_ready) {
      group.ready.erase(group.ready.iterator_to(*link));
    } else if (was_ready) {
      link->key = head->key;
      move_in(group.ready, *link);
    } else {
      link->key = head->key;
      group.ready.insert(*link);
    }
    refresh(group);
  }
}

bool Dispatch::is_served(const Route& line) { return !line.links.empty(); }

// ── consumers ───────────────────────────────────────────────────────────────────────────────────────────────────────

Group& Dispatch::group(std::vector<std::string> queues, std::vector<std::string> tasks, Kind kind) {
  auto& group = groups_[{queues, tasks, kind}];
  if (group) return *group;
  group = std::make_unique<Group>();
  group->queues = std::move(queues);
  group->tasks = std::move(tasks);
  group->kind = kind;
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
    Route& line = *link.route;
    std::erase_if(line.links, [&](const auto& each) { return each.get() == &link; });
    if (line.head && line.head->failed_on) review(line);
  }
  for (const std::string& queue : group.queues) {
    const auto serving = serving_.find(queue);
    std::erase(serving->second, &group);
    if (serving->second.empty()) serving_.erase(serving);
  }
  groups_.erase(Signature(group.queues, group.tasks, group.kind));
}

Seat& Dispatch::add_consumer(SessionId id, std::vector<std::string> queues, std::vector<std::string> tasks) {
  for (std::vector<std::string>* names : {&queues, &tasks}) {
    std::sort(names->begin(), names->end());
    names->erase(std::unique(names->begin(), names->end()), names->end());
  }
  auto& seat = seats_[id];
  seat = std::make_unique<Seat>();
  seat->id = id;
  join(*seat, group(std::move(queues), std::move(tasks), {}));
  return *seat;
}

void Dispatch::remove(Seat& consumer) {
  if (given_ == &consumer) given_ = nullptr;
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

void Dispatch::regroup(Seat& consumer, Kind kind) {
  Group& before = *consumer.group;
  if (before.kind == kind) return;
  Group& after = group(before.queues, before.tasks, kind);
  leave(consumer);
  join(consumer, after);
}

void Dispatch::set_known(Seat& consumer) {
  Kind kind = consumer.group->kind;
  kind.is_known = true;
  regroup(consumer, kind);
}

void Dispatch::set_has_suspect(Seat& consumer, bool has_suspect) {
  Kind kind = consumer.group->kind;
  kind.has_suspect = has_suspect;
  regroup(consumer, kind);
}

void Dispatch::set_poor(Seat& consumer, bool is_poor) {
  Kind kind = consumer.group->kind;
  kind.is_poor = is_poor;
  regroup(consumer, kind);
}

void Dispatch::set(Seat& consumer, std::int64_t free, std::uint32_t credit) {
  const bool was_given = std::exchange(given_, nullptr) == &consumer;
  const bool was_willing = consumer.is_willing();
  consumer.credit = credit;
  if (!was_given && consumer.free == free && was_willing == consumer.is_willing()) return;
  consumer.free = free;
  if (was_given) consumer.turn = ++turn_;
  Group& group = *consumer.group;
  if (was_willing && consumer.is_willing()) {
    move_in(group.willing, consumer);
  } else if (was_willing) {
    group.willing.erase(group.willing.iterator_to(consumer));
  } else if (consumer.is_willing()) {
    group.willing.insert(consumer);
  }
  refresh(group);
}

// ── both ────────────────────────────────────────────────────────────────────────────────────────────────────────────

// Whether it is among the active groups, and where.
void Dispatch::refresh(Group& group) {
  const bool was_active = group.hook.is_linked();
  const bool is_active = !group.willing.empty() && !group.ready.empty();
  if (!was_active && !is_active) return;
  const Want want = is_active && group.willing.begin()->free > 0 ? Want::slots : Want::ahead;
  if (was_active && is_active && group.want == want) {
    group.key = group.ready.begin()->key;
    return move_in(active_->of(want), group);
  }
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
  given_ = &chosen;
  return Match{chosen.id, line.line};
}

}  // namespace zebu::broker
