#include "endpoints/endpoint.h"

#include <algorithm>
#include <map>

#include "arrow/api.h"
#include "fmt/format.h"
#include "segment/checksum.h"

namespace trommel::endpoints {
namespace {

int column_of(const arrow::Schema& schema, const std::string& name) {
  const auto exact = schema.GetFieldIndex(name);
  if (exact >= 0) return exact;
  for (int i = 0; i < schema.num_fields(); ++i) {
    if (name_key(schema.field(i)->name()) == name_key(name)) return i;
  }
  return -1;
}

class Binder {
 public:
  Binder(const Endpoint& settings, std::shared_ptr<QueryStore> store, Problems& problems) : problems_(problems) {
    bound_.settings = settings;
    bound_.store = std::move(store);
  }

  BoundEndpoint bind() {
    if (!bind_sql()) return std::move(bound_);
    bind_filters();
    bind_order();
    bound_.digest = digest();
    return std::move(bound_);
  }

 private:
  bool bind_sql() {
    const Endpoint& settings = bound_.settings;
    Query query{settings.sql, {}};
    for (const EndpointParameter& parameter : settings.parameters) {
      if (!is_parameter_type(*parameter.type))
        problems_.add(parameter.place, fmt::format("parameter `{}` of `{}`: a request cannot say values of type {}",
                                                   parameter.name, settings.path, type_name(*parameter.type)));
      query.parameters.push_back({parameter.name, parameter.type});
    }
    auto shape = bound_.store->describe(query);
    if (!shape) {
      const std::string what = fmt::format("endpoint `{}`: {}", settings.path, shape.error().what);
      shape.error().domain == Error::Domain::external
          ? problems_.add_outside(settings.sql_place, what, shape.error().hint)
          : problems_.add(settings.sql_place, what, shape.error().hint);
      return false;
    }
    for (const EndpointParameter& parameter : settings.parameters) {
      if (std::ranges::find(shape->parameters, parameter.name) != shape->parameters.end()) continue;
      problems_.add(parameter.place,
                    fmt::format("parameter `{}` does not stand in the SELECT of `{}`", parameter.name, settings.path),
                    fmt::format("write ${} there, or make it one of `filters`", parameter.name));
    }
    bound_.schema = std::move(shape->schema);
    return true;
  }

  /// The column's name and type; nothing: told.
  std::optional<Order> find(const std::string& column, const Place& place, const char* setting) {
    const arrow::Schema& schema = *bound_.schema;
    const int at = column_of(schema, column);
    if (at < 0) {
      const auto near = did_you_mean(column, schema.field_names());
      problems_.add(place,
                    fmt::format("`{}` of `{}`: the SELECT makes no column `{}`", setting, bound_.settings.path, column),
                    near.empty() ? fmt::format("it makes {}", fmt::join(schema.field_names(), ", "))
                                 : fmt::format("did you mean `{}`?", near));
      return std::nullopt;
    }
    const auto& field = *schema.field(at);
    if (!is_parameter_type(*field.type())) {
      problems_.add(place, fmt::format("`{}` of `{}`: column `{}` is a {}, which a request cannot compare with",
                                       setting, bound_.settings.path, field.name(), type_name(*field.type())));
      return std::nullopt;
    }
    return Order{field.name(), false, field.type()};
  }

  void bind_filters() {
    for (EndpointFilter& filter : bound_.settings.filters) {
      const auto column = find(filter.column, filter.place, "filters");
      if (!column) continue;
      filter.column = column->column;
      bound_.filters.push_back({filter, column->type});
    }
  }

  void bind_order() {
    const Endpoint& settings = bound_.settings;
    for (const auto& [columns, setting] :
         {std::pair{&settings.order_by, "order_by"}, std::pair{&settings.key, "key"}}) {
      for (const OrderColumn& order : *columns) {
        if (auto column = find(order.column, order.place, setting))
          add({column->column, order.descending, column->type});
      }
    }
    if (!settings.key.empty()) return;
    for (const auto& field : bound_.schema->fields()) {
      if (is_parameter_type(*field->type()))
        add({field->name(), false, field->type()});
      else
        bound_.notes.push_back(
            fmt::format("column `{}` cannot be ordered by: name the `key` that tells rows apart", field->name()));
    }
  }

  void add(Order order) {
    if (std::ranges::find(bound_.order, order.column, &Order::column) == bound_.order.end())
      bound_.order.push_back(std::move(order));
  }

  std::string digest() const {
    std::string text = bound_.settings.path + "\n" + bound_.settings.sql + "\n" + schema_text(*bound_.schema);
    for (const Order& order : bound_.order) text += fmt::format("\n{} {}", order.column, order.descending);
    for (const Filter& filter : bound_.filters)
      text += fmt::format("\n{} {} {}", filter.settings.parameter, filter.settings.column,
                          comparison_text(filter.settings.comparison));
    return checksum_of(text);
  }

  Problems& problems_;
  BoundEndpoint bound_;
};

}  // namespace

bool is_parameter_type(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::BOOL:
    case arrow::Type::INT8:
    case arrow::Type::INT16:
    case arrow::Type::INT32:
    case arrow::Type::INT64:
    case arrow::Type::UINT8:
    case arrow::Type::UINT16:
    case arrow::Type::UINT32:
    case arrow::Type::UINT64:
    case arrow::Type::FLOAT:
    case arrow::Type::DOUBLE:
    case arrow::Type::DECIMAL128:
    case arrow::Type::STRING:
    case arrow::Type::LARGE_STRING:
    case arrow::Type::DATE32:
    case arrow::Type::TIME64:
    case arrow::Type::TIMESTAMP:
      return true;
    case arrow::Type::EXTENSION:
      return same_type(type, *uuid_type());
    default:
      return false;
  }
}

Result<std::vector<BoundEndpoint>> bind_endpoints(const Pipeline& pipeline, const Plan& plan,
                                                  const Components& components, Env& env, Problems& problems) {
  BindContext context;
  context.env = &env;
  context.pipeline = plan.pipeline;
  context.folder = plan.folder;
  context.state_folder = plan.state_folder;
  context.memory = plan.memory;
  context.lanes = plan.lanes;
  std::map<std::string, std::shared_ptr<QueryStore>> stores;
  std::vector<BoundEndpoint> out;
  for (const Endpoint& endpoint : pipeline.endpoints) {
    const auto planned = std::ranges::find_if(
        plan.stores, [&](const PlanStore& store) { return store.settings.store == endpoint.store; });
    if (planned == plan.stores.end()) continue;  // its mistake was told
    auto& store = stores[endpoint.store];
    if (!store) {
      const auto kind = std::ranges::find_if(
          components.sinks, [&](const SinkKind& sink) { return sink.is_store && sink.spec->name == planned->kind; });
      if (kind == components.sinks.end() || !kind->query) {
        problems.add(endpoint.place, fmt::format("a `{}` store cannot be asked", planned->kind));
        continue;
      }
      ASSIGN(store, kind->query(planned->settings, context));
    }
    out.push_back(Binder(endpoint, store, problems).bind());
  }
  return out;
}

}  // namespace trommel::endpoints
