// A profile for programs.
#include <cmath>

#include "base/json.h"
#include "profile/profile.h"

namespace trommel::profile {

namespace {

const char* nature_text(Nature nature) {
  switch (nature) {
    case Nature::number:
      return "number";
    case Nature::text:
      return "text";
    case Nature::time:
      return "time";
    case Nature::boolean:
      return "boolean";
    case Nature::other:
      return "other";
  }
  return "other";
}

Json counts_json(const std::vector<ValueCount>& counts) {
  Json out = Json::array();
  for (const ValueCount& count : counts) out.push_back({{"value", count.value}, {"rows", count.rows}});
  return out;
}

template <class T>
Json optional_json(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json column_json(const Column& column) {
  Json out = {{"name", column.name},
              {"type", type_name(*column.type)},
              {"nature", nature_text(column.nature)},
              {"nulls", column.nulls},
              {"distinct", column.distinct},
              {"distinct_exact", column.distinct_exact},
              {"min", optional_json(column.min)},
              {"max", optional_json(column.max)}};
  if (column.nature == Nature::number) {
    out["mean"] = optional_json(column.mean);
    out["deviation"] = optional_json(column.deviation);
    out["zeros"] = column.zeros;
    out["negatives"] = column.negatives;
    out["not_finite"] = column.not_finite;
  }
  if (column.nature == Nature::text) {
    out["min_length"] = column.min_length;
    out["max_length"] = column.max_length;
    out["mean_length"] = column.mean_length;
    out["empty"] = column.empty;
    out["shapes"] = counts_json(column.shapes);
    out["shape_count"] = column.shape_count;
  }
  if (!column.quantiles.empty()) {
    Json& quantiles = out["quantiles"] = Json::array();
    for (const Quantile& quantile : column.quantiles)
      quantiles.push_back({{"share", quantile.share}, {"value", quantile.text}, {"at", quantile.at}});
    Json& histogram = out["histogram"] = {{"below", column.histogram.below}, {"above", column.histogram.above}};
    histogram["buckets"] = Json::array();
    for (const Bucket& bucket : column.histogram.buckets)
      histogram["buckets"].push_back({{"low", bucket.low}, {"high", bucket.high}, {"rows", bucket.rows}});
  }
  out["top"] = counts_json(column.top);
  out["odd"] = Json::array();
  for (const Odd& odd : column.odd) out["odd"].push_back({{"value", odd.value}, {"rows", odd.rows}, {"why", odd.why}});
  out["rules"] = Json::array();
  for (const Rule& rule : column.rules)
    out["rules"].push_back({{"name", rule.name}, {"value", rule.value}, {"why", rule.why}, {"broken", rule.broken}});
  return out;
}

}  // namespace

std::string profile_json(const Profile& profile) {
  Json out = {{"name", profile.name},
              {"rows", profile.rows},
              {"bytes", profile.bytes},
              {"sampled", profile.sampled},
              {"copies", optional_json(profile.copies)},
              {"unread", profile.unread},
              {"guesses", profile.guesses}};
  Json& unread = out["first_unread"] = Json::array();
  for (const Unread& row : profile.first_unread) unread.push_back({{"place", row.place}, {"reason", row.reason}});
  Json& columns = out["columns"] = Json::array();
  for (const Column& column : profile.columns) columns.push_back(column_json(column));
  Json& missing = out["missing"] = Json::array();
  for (const MissingPattern& pattern : profile.missing) {
    Json names = Json::array();
    for (const size_t column : pattern.columns) names.push_back(profile.columns[column].name);
    missing.push_back({{"columns", names}, {"rows", pattern.rows}});
  }
  Json& correlations = out["correlations"] = Json::array();
  const size_t count = profile.correlations.columns.size();
  for (size_t a = 0; a < count; ++a) {
    for (size_t b = a + 1; b < count; ++b) {
      const double value = profile.correlations.values[a * count + b];
      if (std::isnan(value)) continue;
      correlations.push_back({{"columns",
                               {profile.columns[profile.correlations.columns[a]].name,
                                profile.columns[profile.correlations.columns[b]].name}},
                              {"pearson", value}});
    }
  }
  out["contract"] = contract_lines(profile);
  return out.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace trommel::profile
