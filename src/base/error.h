// What went wrong, said in one shape everywhere: `where: what: values (hint)`.
#pragma once

#include <string>
#include <utility>

#include "tl/expected.hpp"

namespace trommel {

struct Error {
  /// Who has to act, and what the process does about it.
  enum class Domain {
    config,    ///< the pipeline file or the command is wrong: exit 78, nothing was run
    data,      ///< the rows break a contract or the reject budget: exit 1, nothing was published
    external,  ///< disk, network, another program, memory: may be tried again; exit 1, nothing is dropped
    internal,  ///< our own mistake: exit 2
  };
  Domain domain = Domain::internal;
  std::string where;  ///< file, `file:line:col`, node of the pipeline, address
  std::string what;   ///< one sentence with the values at its end
  std::string hint;   ///< what to do about it; may be empty
  bool retry = false;

  /// `where: what (hint)`, on one line.
  std::string text() const;
};

template <class T = void>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> config_error(std::string where, std::string what, std::string hint = {}) {
  return tl::unexpected<Error>(Error{Error::Domain::config, std::move(where), std::move(what), std::move(hint), false});
}
inline tl::unexpected<Error> data_error(std::string where, std::string what, std::string hint = {}) {
  return tl::unexpected<Error>(Error{Error::Domain::data, std::move(where), std::move(what), std::move(hint), false});
}
inline tl::unexpected<Error> external_error(std::string where, std::string what, std::string hint = {}) {
  return tl::unexpected<Error>(
      Error{Error::Domain::external, std::move(where), std::move(what), std::move(hint), true});
}
inline tl::unexpected<Error> internal_error(std::string where, std::string what, std::string hint = {}) {
  return tl::unexpected<Error>(
      Error{Error::Domain::internal, std::move(where), std::move(what), std::move(hint), false});
}

/// Says on standard error which invariant broke, with values, and aborts: going on would risk rows, and a restart is a
/// tested path.
[[noreturn]] void invariant_broken(const char* file, int line, const char* condition, const std::string& values);

}  // namespace trommel

#define TROMMEL_CHECK(condition, values)                                                     \
  do {                                                                                       \
    if (!(condition)) ::trommel::invariant_broken(__FILE__, __LINE__, #condition, (values)); \
  } while (false)

#define TROMMEL_CONCAT_(a, b) a##b
#define TROMMEL_CONCAT(a, b) TROMMEL_CONCAT_(a, b)

/// Leaves the function with the error, if there is one.
#define TRY(expression)                                                                                      \
  do {                                                                                                       \
    if (auto try_result = (expression); !try_result) return ::tl::unexpected(std::move(try_result).error()); \
  } while (false)

/// `ASSIGN(auto size, file->size());`
#define ASSIGN(target, expression) ASSIGN_(target, expression, TROMMEL_CONCAT(assign_result_, __LINE__))
#define ASSIGN_(target, expression, name)                      \
  auto name = (expression);                                    \
  if (!name) return ::tl::unexpected(std::move(name).error()); \
  target = std::move(*name)
