// Metrics in Prometheus' text format, version 0.0.4: how requests go, and what the pipeline's state folder tells.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/env.h"
#include "server/http_server.h"

namespace trommel {

/// Times of requests by method, route and status, as histograms.
class RequestTimes {
 public:
  void add(const server::Served& served);
  std::string text() const;

 private:
  static constexpr std::array<double, 14> kBounds = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                                     0.25,  0.5,    1,     2.5,  5,     10,   60};
  struct Key {
    std::string method, route;
    int status = 0;
    auto operator<=>(const Key&) const = default;
  };
  struct Times {
    std::array<int64_t, kBounds.size() + 1> within{};  ///< the last: longer than all bounds
    double seconds = 0;
    int64_t count = 0, bytes_in = 0, bytes_out = 0;
  };
  mutable std::mutex mutex_;
  std::map<Key, Times> times_;
};

/// Writes one metric after the other; a name's help and type once, before its first value.
class MetricsText {
 public:
  using Labels = std::vector<std::pair<std::string_view, std::string_view>>;
  void family(std::string_view name, std::string_view type, std::string_view help);
  void value(std::string_view name, const Labels& labels, double value);
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

/// Rows, rejects by reason, epochs, and what waits, of one pipeline.
std::string pipeline_metrics(Env& env, const std::string& pipeline, const std::string& state_folder);

}  // namespace trommel
