#pragma once

#include "zebu/context.h"
#include "zebu/convert.h"
#include "zebu/task_failure.h"

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
  static constexpr std::size_t kMost = sizeof...(Params);
  // The number of parameters without trailing std::optional ones.
  static constexpr std::size_t least() {
    std::size_t least = 0;
    std::size_t at = 0;
    ((++at, least = kIsOptional<std::decay_t<Params>> ? least : at), ...);
    return least;
  }

  template <class F>
  static std::string call(const F& function, Context& context, Bytes bytes) {
    const Arguments args(context.task(), bytes, least(), kMost);
    return call(function, context, args, std::index_sequence_for<Params...>());
  }

 private:
  template <class F, std::size_t... I>
  static std::string call(const F& function, Context& context, [[maybe_unused]] const Arguments& args,
                          std::index_sequence<I...>) {
    // Braces guarantee conversion in order, so that the error names the first wrong argument.
    std::tuple<std::decay_t<Params>...> values{convert<std::decay_t<Params>>(args, I)...};
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
}  // namespace zebu
