#pragma once

#include "zebu/context.h"
#include "zebu/convert.h"
#include "zebu/task_failure.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cxxabi.h>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <unordered_map>
#include <vector>

// Converts a job's arguments to a function's parameters by their types, with readable errors.
namespace zebu {

// A parameter or result that is passed on unchanged: the bytes of one msgpack value.
struct RawValue {
  std::string bytes;
};

// An integer parameter from Min to Max. Another value fails the job with BadArguments, which names the limits.
template <std::int64_t Min, std::int64_t Max>
struct Bounded {
  std::int64_t value = Min;

  operator std::int64_t() const { return value; }
};

namespace arguments_detail {

// A string literal as a template's argument.
template <std::size_t size>
struct Name {
  char text[size]{};
  consteval Name(const char (&literal)[size]) { std::copy_n(literal, size, text); }  // NOLINT: from a literal
  [[nodiscard]] constexpr std::string_view view() const { return {text, size - 1}; }
};

// A job's decoded keyword arguments; views point into the job's bytes.
class KeywordMap {
 public:
  // Throws BadArguments unless the bytes are empty or one map of names that are given once.
  KeywordMap(std::string_view task, Bytes bytes);

  [[nodiscard]] const std::map<std::string_view, msgpack::object>& values() const { return values_; }
  [[nodiscard]] const msgpack::object* find(std::string_view name) const;
  // These throw BadArguments. "keyword 'size' of thumbnail: expected an integer from 0 to 93, got a string".
  [[noreturn]] void refuse(std::string_view name, const std::string& expected) const;
  [[noreturn]] void refuse_missing(std::string_view name) const;
  // `known`: all that the task takes.
  void refuse_others(const std::vector<std::string_view>& known) const;

 private:
  std::string_view task_;
  std::shared_ptr<msgpack::zone> zone_;  // shared, because Keywords is copied
  std::map<std::string_view, msgpack::object> values_;
};

}  // namespace arguments_detail

// A keyword parameter: [](std::string path, zebu::Keyword<"size", int> size). With a std::optional the submitter may
// leave it out. A job with another keyword than the task has parameters for is refused with BadArguments.
template <arguments_detail::Name name, class T>
struct Keyword {
  T value;

  operator const T&() const { return value; }
  const T& operator*() const { return value; }
};

// All keyword arguments of a job, for a task that takes any: [](zebu::Keywords keywords). Valid during the task's call.
class Keywords {
 public:
  explicit Keywords(arguments_detail::KeywordMap map) : map_(std::move(map)) {}

  // The names that were given, in order.
  [[nodiscard]] std::vector<std::string_view> names() const;
  [[nodiscard]] bool has(std::string_view name) const { return map_.find(name) != nullptr; }
  // Throws BadArguments if the keyword is missing (and T is no std::optional) or has another type.
  template <class T>
  [[nodiscard]] T get(std::string_view name) const;

 private:
  arguments_detail::KeywordMap map_;
};

namespace arguments_detail {

// A job's decoded arguments. Strings and binary values point into the job's bytes.
class Arguments {
 public:
  // Throws BadArguments unless the bytes are one array of `least` to `most` elements.
  Arguments(std::string_view task, Bytes bytes, std::size_t least, std::size_t most);

  [[nodiscard]] std::size_t count() const { return root_.via.array.size; }
  [[nodiscard]] const msgpack::object& operator[](std::size_t i) const { return root_.via.array.ptr[i]; }
  // Throws BadArguments: "argument 1 of fib: expected an integer from 0 to 93, got a string".
  [[noreturn]] void refuse(std::size_t i, const std::string& expected) const;

 private:
  std::string_view task_;
  msgpack::zone zone_{1024};
  msgpack::object root_;
};

[[nodiscard]] inline std::string integer_range(std::int64_t min, std::uint64_t max) {
  return "an integer from " + std::to_string(min) + " to " + std::to_string(max);
}

template <class T>
struct Wanted {
  static std::string text() {
    if constexpr (std::is_same_v<T, bool>) {
      return "a boolean";
    } else if constexpr (std::is_integral_v<T>) {
      return integer_range(static_cast<std::int64_t>(std::numeric_limits<T>::min()),
                           static_cast<std::uint64_t>(std::numeric_limits<T>::max()));
    } else if constexpr (std::is_floating_point_v<T>) {
      return "a number";
    } else if constexpr (std::is_convertible_v<T, std::string_view>) {
      return "a string";
    } else {
      const std::unique_ptr<char, void (*)(void*)> name(
          abi::__cxa_demangle(typeid(T).name(), nullptr, nullptr, nullptr), std::free);
      return name ? "a value for a " + std::string(name.get()) : std::string("another value");
    }
  }
};
template <class T>
struct Wanted<std::vector<T>> {
  static std::string text() { return "a list, each element " + Wanted<T>::text(); }
};
template <>
struct Wanted<std::vector<char>> {
  static std::string text() { return "binary"; }
};
template <class K, class V>
struct Wanted<std::map<K, V>> {
  static std::string text() { return "a map, each key " + Wanted<K>::text() + ", each value " + Wanted<V>::text(); }
};
template <class K, class V>
struct Wanted<std::unordered_map<K, V>> : Wanted<std::map<K, V>> {};
template <class T>
struct Wanted<std::optional<T>> {
  static std::string text() { return Wanted<T>::text() + ", or nil"; }
};
template <std::int64_t Min, std::int64_t Max>
struct Wanted<Bounded<Min, Max>> {
  static std::string text() { return "an integer from " + std::to_string(Min) + " to " + std::to_string(Max); }
};

template <class T>
struct Convert {
  static T from(const msgpack::object& o) { return o.as<T>(); }
};
template <>
struct Convert<RawValue> {
  static RawValue from(const msgpack::object& o) { return {pack_value(o)}; }
};
template <std::int64_t Min, std::int64_t Max>
struct Convert<Bounded<Min, Max>> {
  static Bounded<Min, Max> from(const msgpack::object& o) {
    const auto value = o.as<std::int64_t>();
    if (value < Min || value > Max) throw msgpack::type_error();
    return {value};
  }
};

template <class T>
inline constexpr bool kIsOptional = false;
template <class T>
inline constexpr bool kIsOptional<std::optional<T>> = true;

template <class T>
T convert(const Arguments& args, std::size_t i) {
  if constexpr (kIsOptional<T>) {
    if (i >= args.count()) return std::nullopt;
  }
  try {
    return Convert<T>::from(args[i]);
  } catch (const msgpack::type_error&) {
    args.refuse(i, Wanted<T>::text());
  }
}

template <class T>
T convert(const KeywordMap& keywords, std::string_view name) {
  const msgpack::object* value = keywords.find(name);
  if (value == nullptr) {
    if constexpr (kIsOptional<T>) {
      return std::nullopt;
    } else {
      keywords.refuse_missing(name);
    }
  }
  try {
    return Convert<T>::from(*value);
  } catch (const msgpack::type_error&) {
    keywords.refuse(name, Wanted<T>::text());
  }
}

// What a parameter is filled with.
template <class T>
struct Parameter {
  static constexpr bool kIsPositional = true;
  static constexpr bool kTakesAny = false;
  static T from(const Arguments& args, std::size_t i, const KeywordMap&) { return convert<T>(args, i); }
};
template <Name name, class T>
struct Parameter<Keyword<name, T>> {
  static constexpr bool kIsPositional = false;
  static constexpr bool kTakesAny = false;
  static constexpr std::string_view kName = name.view();
  static Keyword<name, T> from(const Arguments&, std::size_t, const KeywordMap& keywords) {
    return {convert<T>(keywords, name.view())};
  }
};
template <>
struct Parameter<Keywords> {
  static constexpr bool kIsPositional = false;
  static constexpr bool kTakesAny = true;
  static Keywords from(const Arguments&, std::size_t, const KeywordMap& keywords) { return Keywords(keywords); }
};

template <class R>
std::string pack_result(const R& result) {
  if constexpr (std::is_same_v<R, RawValue>) {
    return result.bytes;
  } else {
    return pack_value(result);
  }
}

// Calls through a pointer that the optimizer cannot see through. So the function is not inlined into its caller, and
// its name appears in the stack trace of an exception that it throws.
template <class F, class... Args>
decltype(auto) call_visibly(const F& function, Args&&... args) {
  if constexpr (std::is_pointer_v<F>) {
    return function(std::forward<Args>(args)...);
  } else {
    auto call = &F::operator();
    asm volatile("" : "+m"(call));
    return (function.*call)(std::forward<Args>(args)...);
  }
}

// Calls a function whose parameters are Params, after a Context if TakesContext.
template <bool TakesContext, class R, class... Params>
struct Call {
  static constexpr bool kTakesContext = TakesContext;
  template <class T>
  static constexpr bool kIsPositional = Parameter<std::decay_t<T>>::kIsPositional;
  static constexpr std::size_t kMost = (std::size_t{kIsPositional<Params>} + ... + 0);
  static constexpr bool kTakesAny = (Parameter<std::decay_t<Params>>::kTakesAny || ...);
  // The number of positional parameters without trailing std::optional ones.
  static constexpr std::size_t least() {
    std::size_t least = 0;
    std::size_t at = 0;
    ((at += std::size_t{kIsPositional<Params>},
      least = kIsOptional<std::decay_t<Params>> || !kIsPositional<Params> ? least : at),
     ...);
    return least;
  }
  // For each parameter its place among the positional ones.
  static constexpr std::array<std::size_t, sizeof...(Params) + 1> places() {
    std::array<std::size_t, sizeof...(Params) + 1> places{};
    std::size_t i = 0;
    ((places[i + 1] = places[i] + std::size_t{kIsPositional<Params>}, ++i), ...);
    return places;
  }
  static std::vector<std::string_view> keywords() {
    std::vector<std::string_view> names;
    [[maybe_unused]] const auto add = [&]<class T>(std::type_identity<T>) {
      if constexpr (requires { T::kName; }) names.push_back(T::kName);
    };
    (add(std::type_identity<Parameter<std::decay_t<Params>>>()), ...);
    return names;
  }

  template <class F>
  static std::string call(const F& function, Context& context, Bytes bytes) {
    const Arguments args(context.task(), bytes, least(), kMost);
    const KeywordMap keywords(context.task(), context.kwargs());
    if constexpr (!kTakesAny) {
      if (!keywords.values().empty()) keywords.refuse_others(Call::keywords());
    }
    return call(function, context, args, keywords, std::index_sequence_for<Params...>());
  }

 private:
  template <class F, std::size_t... I>
  static std::string call(const F& function, Context& context, [[maybe_unused]] const Arguments& args,
                          [[maybe_unused]] const KeywordMap& keywords, std::index_sequence<I...>) {
    // Braces guarantee conversion in order, so that the error names the first wrong argument.
    std::tuple<std::decay_t<Params>...> values{Parameter<std::decay_t<Params>>::from(args, places()[I], keywords)...};
    const auto invoke = [&]() -> R {
      if constexpr (TakesContext) {
        return call_visibly(function, context, std::move(std::get<I>(values))...);
      } else {
        return call_visibly(function, std::move(std::get<I>(values))...);
      }
    };
    if constexpr (std::is_void_v<R>) {
      invoke();
      return pack_value(msgpack::type::nil_t());
    } else {
      return pack_result(invoke());
    }
  }
};

template <class R, class... Params>
struct CallOf : Call<false, R, Params...> {};
template <class R, class... Params>
struct CallOf<R, const Context&, Params...> : Call<true, R, Params...> {};
template <class R, class... Params>
struct CallOf<R, Context&, Params...> : Call<true, R, Params...> {};

// The parameters of a function pointer, or of an object that has one operator().
template <class F>
struct Signature : Signature<decltype(&F::operator())> {};
template <class R, class... Params>
struct Signature<R (*)(Params...)> : CallOf<R, Params...> {};
template <class R, class... Params>
struct Signature<R (*)(Params...) noexcept> : CallOf<R, Params...> {};
template <class C, class R, class... Params>
struct Signature<R (C::*)(Params...) const> : CallOf<R, Params...> {};
template <class C, class R, class... Params>
struct Signature<R (C::*)(Params...) const noexcept> : CallOf<R, Params...> {};

}  // namespace arguments_detail

template <class T>
T Keywords::get(std::string_view name) const {
  return arguments_detail::convert<T>(map_, name);
}

}  // namespace zebu
