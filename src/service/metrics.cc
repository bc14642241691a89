#include "service/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "engine/status.h"

namespace trommel {

namespace {

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

int64_t bytes_in(Env& env, const std::string& folder) {
  int64_t bytes = 0;
  const auto entries = env.list(folder);
  if (!entries) return 0;
  for (const FileInfo& entry : *entries) {
    bytes += entry.is_directory ? bytes_in(env, entry.path) : entry.size;
  }
  return bytes;
}

/// One commit group of a pipeline.
struct Group {
  MetricsText::Labels labels;
  const PipelineStatus& status;
};

MetricsText::Labels with(MetricsText::Labels labels, const MetricsText::Labels& more) {
  labels.insert(labels.end(), more.begin(), more.end());
  return labels;
}

void add_lives(const std::vector<Group>& groups, MetricsText& out) {
  out.family("trommel_rows_read_total", "counter", "Rows that sources read, of epochs that were closed.");
  for (const auto& [labels, status] : groups) {
    if (status.checkpoint)
      out.value("trommel_rows_read_total", labels, static_cast<double>(status.checkpoint->life.read));
  }
  out.family("trommel_rows_written_total", "counter", "Rows that a sink has, or that wait for it on disk.");
  for (const auto& [labels, status] : groups) {
    if (!status.checkpoint) continue;
    for (const Life::Line& line : status.checkpoint->life.sinks)
      out.value("trommel_rows_written_total", with(labels, {{"sink", line.sink}}), static_cast<double>(line.written));
  }
  out.family("trommel_rows_rejected_total", "counter", "Rows that were refused, by where and why.");
  for (const auto& [labels, status] : groups) {
    if (!status.checkpoint) continue;
    for (const auto& [node, reasons] : status.checkpoint->life.reasons) {
      for (const auto& [code, rows] : reasons)
        out.value("trommel_rows_rejected_total", with(labels, {{"stage", node}, {"reason", code}}),
                  static_cast<double>(rows));
    }
  }
}

void add_runs(const std::vector<Group>& groups, int64_t now_us, MetricsText& out) {
  const auto family = [&](std::string_view name, std::string_view type, std::string_view help,
                          const std::function<double(const RunStatus&)>& value) {
    out.family(name, type, help);
    for (const auto& [labels, status] : groups) {
      if (status.run) out.value(name, labels, value(*status.run));
    }
  };
  family("trommel_epochs_total", "counter", "Epochs that were closed since the process began.",
         [](const RunStatus& run) { return static_cast<double>(run.epochs); });
  family("trommel_epoch_seconds_total", "counter", "Time in epochs since the process began.",
         [](const RunStatus& run) { return static_cast<double>(run.reading_us) / 1e6; });
  family("trommel_inputs_waiting", "gauge", "Inputs that were found and not yet taken.",
         [](const RunStatus& run) { return static_cast<double>(run.inputs_waiting); });
  family("trommel_oldest_input_seconds", "gauge", "How long the oldest of them has waited.",
         [now_us](const RunStatus& run) {
           const bool waits = run.inputs_waiting > 0 && run.oldest_waiting_us > 0;
           return waits ? static_cast<double>(now_us - run.oldest_waiting_us) / 1e6 : 0;
         });
  const auto lag = [&](std::string_view name, std::string_view help, const std::function<double(const Lag&)>& value) {
    out.family(name, "gauge", help);
    for (const auto& [labels, status] : groups) {
      if (!status.run) continue;
      for (const Lag& one : status.run->lag) out.value(name, with(labels, {{"partition", one.what}}), value(one));
    }
  };
  lag("trommel_lag_rows", "Messages of a partition that are not in every sink yet.",
      [](const Lag& one) { return static_cast<double>(one.rows); });
  lag("trommel_lag_seconds", "How old the oldest of them is, where it was read already.", [now_us](const Lag& one) {
    return one.rows > 0 && one.since_us > 0 ? static_cast<double>(now_us - one.since_us) / 1e6 : 0;
  });
  family("trommel_retries", "gauge", "Sinks and sources that do not answer and are asked again.",
         [](const RunStatus& run) { return static_cast<double>(run.retrying.size()); });
}

}  // namespace

void RequestTimes::add(const server::Served& served) {
  const double seconds = static_cast<double>(served.elapsed_us) / 1e6;
  const auto bound = std::lower_bound(kBounds.begin(), kBounds.end(), seconds) - kBounds.begin();
  // Not the path itself: anybody could make up as many as memory holds.
  const std::string route = served.route == nullptr ? "" : served.route->path;
  const std::string method = served.route == nullptr ? "" : served.request->method;
  const std::lock_guard lock(mutex_);
  Times& times = times_[{method, route, served.status}];
  ++times.within[static_cast<size_t>(bound)];
  ++times.count;
  times.seconds += seconds;
  times.bytes_in += served.bytes_in;
  times.bytes_out += served.bytes_out;
}

std::string RequestTimes::text() const {
  const std::lock_guard lock(mutex_);
  MetricsText out;
  out.family("trommel_http_request_seconds", "histogram", "Time from the end of a header to the end of its answer.");
  for (const auto& [key, times] : times_) {
    const std::string status = std::to_string(key.status);
    int64_t within = 0;
    for (size_t i = 0; i < kBounds.size(); ++i) {
      within += times.within[i];
      out.value(
          "trommel_http_request_seconds_bucket",
          {{"method", key.method}, {"route", key.route}, {"status", status}, {"le", fmt::format("{}", kBounds[i])}},
          static_cast<double>(within));
    }
    const MetricsText::Labels labels = {{"method", key.method}, {"route", key.route}, {"status", status}};
    out.value("trommel_http_request_seconds_bucket",
              {{"method", key.method}, {"route", key.route}, {"status", status}, {"le", "+Inf"}},
              static_cast<double>(times.count));
    out.value("trommel_http_request_seconds_sum", labels, times.seconds);
    out.value("trommel_http_request_seconds_count", labels, static_cast<double>(times.count));
  }
  const auto bytes = [&](std::string_view name, std::string_view help, int64_t Times::* member) {
    out.family(name, "counter", help);
    for (const auto& [key, times] : times_)
      out.value(name, {{"method", key.method}, {"route", key.route}, {"status", std::to_string(key.status)}},
                static_cast<double>(times.*member));
  };
  bytes("trommel_http_request_bytes_total", "Bytes of bodies that came.", &Times::bytes_in);
  bytes("trommel_http_response_bytes_total", "Bytes of bodies that were sent.", &Times::bytes_out);
  return out.take();
}

void MetricsText::family(std::string_view name, std::string_view type, std::string_view help) {
  text_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
}

void MetricsText::value(std::string_view name, const Labels& labels, double value) {
  text_ += name;
  for (bool first = true; const auto& [label, text] : labels) {
    text_ += fmt::format("{}{}=\"{}\"", std::exchange(first, false) ? "{" : ",", label, escaped(text));
  }
  if (labels.size() > 0) text_ += "}";
  text_ += fmt::format(" {}\n", value);
}

std::string pipeline_metrics(Env& env, const std::string& pipeline, const std::string& state_folder) {
  MetricsText out;
  const auto status = read_status(env, state_folder);
  if (!status) return {};
  std::vector<Group> groups;
  for (const PipelineStatus& one : *status) {
    MetricsText::Labels labels = {{"pipeline", pipeline}};
    if (!one.group.empty()) labels.emplace_back("group", one.group);
    groups.push_back({std::move(labels), one});
  }
  add_lives(groups, out);
  add_runs(groups, env.now_us(), out);
  out.family("trommel_spool_bytes", "gauge", "Rows on disk that wait for their sinks.");
  for (const auto& [labels, one] : groups)
    out.value("trommel_spool_bytes", labels, static_cast<double>(bytes_in(env, one.folder + "/spool")));
  out.family("trommel_uploads_bytes", "gauge", "Uploads on disk: arriving, or not yet published.");
  out.value("trommel_uploads_bytes", {{"pipeline", pipeline}},
            static_cast<double>(bytes_in(env, state_folder + "/uploads")));
  const ProcessUse use = env.process();
  out.family("trommel_process_cpu_seconds_total", "counter", "Processor time of this process.");
  out.value("trommel_process_cpu_seconds_total", {}, static_cast<double>(use.cpu_us) / 1e6);
  out.family("trommel_process_peak_resident_bytes", "gauge", "The most memory that this process has held.");
  out.value("trommel_process_peak_resident_bytes", {}, static_cast<double>(use.peak_memory_bytes));
  return out.take();
}

}  // namespace trommel
