#include "cli/plan_stores.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include "batch/types.h"
#include "telemetry/log.h"
#include "telemetry/table.h"

namespace trommel::cli {

namespace {

std::string columns_json(const arrow::Schema& schema) {
  std::string columns;
  for (const auto& column : columns_of(schema))
    columns += fmt::format("{}{{\"name\":{},\"type\":{}}}", columns.empty() ? "" : ",", json_text(column.name),
                           json_text(type_name(*column.type)));
  return "[" + columns + "]";
}

std::string columns_text(const arrow::Schema& schema, int width) {
  Table columns({{"column"}, {"type"}});
  for (const auto& column : columns_of(schema)) columns.add({column.name, type_name(*column.type)});
  return columns.text(width);
}

std::string notes_text(const std::vector<std::string>& notes) {
  std::string out;
  for (const std::string& note : notes) out += "  " + note + "\n";
  return out;
}

std::string notes_json(const std::vector<std::string>& notes) {
  std::string out;
  for (const std::string& note : notes) out += (out.empty() ? "" : ",") + json_text(note);
  return "[" + out + "]";
}

struct ParameterLine {
  std::string name, type, does;
};

/// The parameters of an endpoint, and what each does.
std::vector<ParameterLine> parameters_of(const endpoints::BoundEndpoint& endpoint) {
  std::vector<ParameterLine> out;
  for (const auto& filter : endpoint.filters)
    out.push_back({filter.settings.parameter, type_name(*filter.type),
                   filter.settings.column + " " + comparison_text(filter.settings.comparison)});
  for (const auto& parameter : endpoint.settings.parameters)
    out.push_back(
        {parameter.name, type_name(*parameter.type), "$" + parameter.name + (parameter.required ? ", required" : "")});
  if (const auto& pages = endpoint.settings.pages) {
    out.push_back({pages->number, "int64", "page by number"});
    out.push_back(
        {pages->size, "int64", fmt::format("rows of a page, {}, at most {}", pages->default_size, pages->max_size)});
    out.push_back({pages->cursor, "string", "page by cursor"});
  }
  return out;
}

std::string order_text(const endpoints::BoundEndpoint& endpoint) {
  std::string out;
  for (const auto& order : endpoint.order)
    out += (out.empty() ? "ordered by " : ", ") + order.column + (order.descending ? " desc" : "");
  return out;
}

std::string endpoint_text(const Terminal& terminal, const endpoints::BoundEndpoint& endpoint) {
  std::string out = terminal.paint(fmt::format("endpoint {}: {}", endpoint.settings.path, endpoint.settings.store_name),
                                   Colour::bold) +
                    "\n";
  out +=
      "  " + order_text(endpoint) + "\n" + notes_text(endpoint.notes) + columns_text(*endpoint.schema, terminal.width);
  Table parameters({{"parameter"}, {"type"}, {"does"}});
  for (const auto& line : parameters_of(endpoint)) parameters.add({line.name, line.type, line.does});
  return out + parameters.text(terminal.width);
}

std::string endpoint_json(const endpoints::BoundEndpoint& endpoint) {
  std::string parameters;
  for (const auto& line : parameters_of(endpoint))
    parameters += fmt::format("{}{{\"name\":{},\"type\":{},\"does\":{}}}", parameters.empty() ? "" : ",",
                              json_text(line.name), json_text(line.type), json_text(line.does));
  return fmt::format("{{\"path\":{},\"store\":{},\"notes\":{},\"columns\":{},\"parameters\":[{}]}}",
                     json_text(endpoint.settings.path), json_text(endpoint.settings.store_name),
                     notes_json(endpoint.notes), columns_json(*endpoint.schema), parameters);
}

std::string view_text(const Terminal& terminal, const PlanView& planned) {
  return terminal.paint(fmt::format("view {}: {}", planned.view.name, planned.store), Colour::bold) + "\n" +
         notes_text(planned.view.notes) + columns_text(*planned.view.table.schema, terminal.width);
}

std::string view_json(const PlanView& planned) {
  return fmt::format("{{\"name\":{},\"store\":{},\"notes\":{},\"columns\":{}}}", json_text(planned.view.name),
                     json_text(planned.store), notes_json(planned.view.notes),
                     columns_json(*planned.view.table.schema));
}

}  // namespace

std::string stores_text(const Terminal& terminal, const Plan& plan, const BoundEndpoints& bound) {
  std::string out;
  for (const PlanView& planned : plan.views) out += "\n" + view_text(terminal, planned);
  for (const auto& endpoint : bound) out += "\n" + endpoint_text(terminal, endpoint);
  return out;
}

std::string stores_json(const Plan& plan, const BoundEndpoints& bound) {
  std::string views, list;
  for (const PlanView& planned : plan.views) views += (views.empty() ? "" : ",") + view_json(planned);
  for (const auto& endpoint : bound) list += (list.empty() ? "" : ",") + endpoint_json(endpoint);
  if (!views.empty()) views = fmt::format("\"views\":[{}],", views);
  if (!list.empty()) list = fmt::format("\"endpoints\":[{}],", list);
  return views + list;
}

}  // namespace trommel::cli
