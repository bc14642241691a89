// The shape of a pipeline file, as Specs: what stands at its top, and in a source, a transform and a sink.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/endpoints.h"
#include "config/pipeline.h"
#include "config/schedule.h"
#include "config/server.h"
#include "spec/spec.h"

namespace trommel {

std::optional<RejectBudget> parse_reject_budget(std::string_view text);

template <>
struct Reads<RejectBudget> {
  static constexpr bool scalar = true;
  static bool fits(const Node& node) { return node.is_scalar() && parse_reject_budget(node.scalar); }
  static void read(const Node& node, std::string_view name, RejectBudget& value, Problems& problems) {
    if (!fits(node)) return wrong_type(node, name, "a number of rows or a share", problems, "such as 100 or 0.1%");
    value = *parse_reject_budget(node.scalar);
  }
  static std::string type() { return "rows or share (100, 0.1%)"; }
  static std::string json_schema() {
    return R"({"type":["integer","string"],"minimum":0,"pattern":"^[0-9_]+$|^[0-9.]+%$|\\$\\{"})";
  }
  static std::string text(const RejectBudget& value) { return value.text(); }
  static const SpecInfo* inner() { return nullptr; }
};

struct SourceText {
  Node contract;
  std::optional<RejectBudget> max_rejects;
  Pairs<Node> components;
  static const Spec<SourceText>& spec();
};

struct TransformText {
  std::vector<std::string> from;
  Pairs<Node> components;
  static const Spec<TransformText>& spec();
};

struct SinkText {
  std::vector<std::string> from;
  std::optional<std::string> store;
  Node contract;
  Pairs<Node> components;  ///< or, beside a store, its settings
  static const Spec<SinkText>& spec();
};

template <>
struct EnumNames<LogFormat> {
  static constexpr EnumName<LogFormat> list[] = {
      {"plain", LogFormat::plain}, {"key_value", LogFormat::key_value}, {"json", LogFormat::json}};
};

template <>
struct EnumNames<Publish> {
  static constexpr EnumName<Publish> list[] = {{"at_end", Publish::at_end}, {"as_you_go", Publish::as_you_go}};
};

struct LogText {
  std::optional<Path> file;
  LogFormat format = LogFormat::plain;
  ByteSize max_size{LogFile::Options{}.max_bytes};
  int64_t keep = LogFile::Options{}.keep;
  static const Spec<LogText>& spec();
};

struct CommitText {
  Duration every{1'000'000};
  int64_t rows = 1'000'000;
  ByteSize bytes{1'000'000'000};
  static const Spec<CommitText>& spec();
};

struct RejectLogText {
  Duration max_age{RejectLogSettings{}.max_age_us};
  ByteSize max_size{RejectLogSettings{}.max_bytes};
  static const Spec<RejectLogText>& spec();
};

struct RetryText {
  std::optional<Duration> for_;
  Duration pause{RetrySettings{}.pause_us};
  static const Spec<RetryText>& spec();
};

struct SpoolText {
  ByteSize max{SpoolSettings{}.max_bytes};
  static const Spec<SpoolText>& spec();
};

struct PipelineText {
  std::optional<std::string> name;
  Pairs<Node> sources, tables, transforms, sinks, stores, views, endpoints;
  std::optional<ByteSize> memory;
  std::optional<int64_t> lanes;
  RejectBudget max_rejects;
  bool ordered = false;
  Publish publish = Publish::at_end;
  CommitText commit;
  std::optional<ScheduleText> schedule;
  RejectLogText rejects;
  RetryText retry;
  SpoolText spool;
  std::optional<ServerText> server;
  std::optional<Path> state;
  LogText log;
  static const Spec<PipelineText>& spec();
};

}  // namespace trommel
