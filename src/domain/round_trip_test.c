/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Random values of every type of the interface, edge values among them, go over each wire and come back the
 * same. */
#include <gio/gio.h>
#include <string.h>

#include "domain/dbus/introspection.h"
#include "domain/dbus/variant.h"
#include "domain/method.h"
#include "domain/types.h"
#include "value/json.h"
#include "value/xmlrpc.h"

#define SEED          20120229
#define ROUNDS        200
#define LIST_MAX      4
#define LONG_TEXT     70000 /* more than any length of 16 bits */
#define SIGNATURE_MAX 255   /* Source: D-Bus specification */
#define EDGE_CHANCE   3     /* one of so many numbers is an edge */

/* ---- Random values. A wire may leave things out: what is never put into a value for it. */

typedef struct Maker {
    GRand *rand;
    gboolean is_for_bus; /* unprinted members do not travel */
} Maker;

static Value *make(const Maker *maker, const DomainType *type);

static int
below(const Maker *maker, gsize n)
{
    return g_rand_int_range(maker->rand, 0, (gint32)n);
}

/* No carriage return: a reader of XML makes a line feed of it. */
static Value *
make_text(const Maker *maker)
{
    static const char *const texts[] = {
        "",   "a", "<&>\"'", "two words", " ",    "line\nline\t", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\xa7",
        "\\", "0", "-1",     "true",      "null", "[]",           "None",
    };
    int chosen = below(maker, G_N_ELEMENTS(texts) * 8);
    if (chosen == 0) {
        g_autofree char *text = g_strnfill(LONG_TEXT, 'x');
        return value_string(text);
    }
    return value_string(texts[chosen % G_N_ELEMENTS(texts)]);
}

static Value *
make_int(const Maker *maker)
{
    static const gint64 edges[] = {
        0, 1, -1, G_MININT64, G_MAXINT64, G_MININT32, G_MAXINT32, G_MAXUINT32, G_GINT64_CONSTANT(1) << 53,
    };
    if (below(maker, EDGE_CHANCE) == 0)
        return value_int(edges[below(maker, G_N_ELEMENTS(edges))]);
    guint64 high = g_rand_int(maker->rand), low = g_rand_int(maker->rand);
    return value_int((gint64)(high << 32 | low));
}

/* XML-RPC has 16 digits of a float: protocol notes 1.1. */
static Value *
make_float(const Maker *maker)
{
    static const double edges[] = {
        0, -0.0, 1, -1, 0.1, 1e308, -1e308, 5e-324, 1e-308, 9007199254740992.0, 123456789.125};
    if (below(maker, EDGE_CHANCE) == 0)
        return value_float(edges[below(maker, G_N_ELEMENTS(edges))]);
    char digits[G_ASCII_DTOSTR_BUF_SIZE];
    double number = g_rand_double_range(maker->rand, -1e6, 1e6);
    return value_float(g_ascii_strtod(g_ascii_formatd(digits, sizeof digits, "%.16g", number), NULL));
}

static Value *
make_members(const Maker *maker, const DomainType *type)
{
    gboolean is_tuple = type->kind == DOMAIN_KIND_TUPLE;
    Value *made = is_tuple ? value_array_new(4) : value_map_new(4);
    for (gsize i = 0; i < type->n_members; i++) {
        const DomainMember *member = &type->members[i];
        if (maker->is_for_bus && member->is_unprinted)
            continue;
        Value *item = make(maker, member->type);
        if (is_tuple)
            value_array_add(made, item);
        else
            value_map_set(made, member->name, item);
    }
    return made;
}

static Value *
make_variant(const Maker *maker, const DomainMember *member)
{
    if (member->type == NULL)
        return value_string(member->name);
    Value *pair = value_array_new(2);
    value_array_add(pair, value_string(member->name));
    value_array_add(pair, make(maker, member->type));
    return pair;
}

static Value *
make_list(const Maker *maker, const DomainType *element)
{
    Value *list = value_array_new(LIST_MAX);
    for (int n = below(maker, LIST_MAX); n > 0; n--)
        value_array_add(list, make(maker, element));
    return list;
}

static Value *
make_map(const Maker *maker)
{
    static const char *const keys[] = {"a", "b-c", "vm-data/x", ""};
    Value *map = value_map_new(LIST_MAX);
    for (int n = below(maker, G_N_ELEMENTS(keys) + 1); n > 0; n--)
        value_map_set(map, keys[n - 1], make_text(maker));
    return map;
}

static Value *
make(const Maker *maker, const DomainType *type)
{
    switch (type->kind) {
    case DOMAIN_KIND_STRING:
        return make_text(maker);
    case DOMAIN_KIND_INT64:
        return make_int(maker);
    case DOMAIN_KIND_FLOAT:
        return make_float(maker);
    case DOMAIN_KIND_BOOL:
        return value_bool(below(maker, 2) == 1);
    case DOMAIN_KIND_STRINGS:
        return make_list(maker, &domain_type_string);
    case DOMAIN_KIND_MAP:
        return make_map(maker);
    case DOMAIN_KIND_ENUM:
    case DOMAIN_KIND_VARIANT:
        return make_variant(maker, &type->members[below(maker, type->n_members)]);
    case DOMAIN_KIND_STRUCT:
    case DOMAIN_KIND_TUPLE:
        return make_members(maker, type);
    case DOMAIN_KIND_LIST:
        return make_list(maker, type->element);
    case DOMAIN_KIND_OPTION:
        return below(maker, 2) == 1 ? value_nil() : make(maker, type->element);
    }
    g_assert_not_reached();
}

/* ---- Wires */

static Value *
over_xml(const DomainType *type, Value *value)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    xmlrpc_write_value(text, value);
    Value *back = xmlrpc_read_value(text->str, text->len, &error);
    g_assert_no_error(error);
    return back;
}

static Value *
over_json(const DomainType *type, Value *value)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    json_write_value(text, value);
    Value *back = json_read(text->str, text->len, &error);
    g_assert_no_error(error);
    return back;
}

/* As the body of a message that is marshalled and read again. Of types that no method carries some have a
 * longer signature than D-Bus takes. */
static GVariant *
over_message(GVariant *body)
{
    if (strlen(g_variant_get_type_string(body)) > SIGNATURE_MAX)
        return g_variant_ref(body);
    g_autoptr(GError) error = NULL;
    gsize size = 0;
    g_autoptr(GDBusMessage) sent = g_dbus_message_new_method_call(NULL, "/x", "x.Y", "z");
    g_dbus_message_set_body(sent, g_variant_new_tuple(&body, 1));
    g_autofree guchar *bytes = g_dbus_message_to_blob(sent, &size, G_DBUS_CAPABILITY_FLAGS_NONE, &error);
    g_assert_no_error(error);
    g_autoptr(GDBusMessage) came =
        g_dbus_message_new_from_blob(bytes, size, G_DBUS_CAPABILITY_FLAGS_NONE, &error);
    g_assert_no_error(error);
    return g_variant_get_child_value(g_dbus_message_get_body(came), 0);
}

static Value *
over_dbus(const DomainType *type, Value *value)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) sent = domain_variant_from_value(type, value);
    g_assert_cmpstr(g_variant_get_type_string(sent), ==, type->signature);
    g_autoptr(GVariant) came = over_message(sent);
    Value *back = domain_variant_to_value(type, came, &error);
    g_assert_no_error(error);
    return back;
}

typedef struct Wire {
    const char *name;
    Value *(*over)(const DomainType *type, Value *value);
    gboolean is_bus;
} Wire;

static const Wire wires[] = {
    {"xml-rpc", over_xml, FALSE}, {"json", over_json, FALSE}, {"d-bus", over_dbus, TRUE}};

/* ---- Trips */

/* As the service holds and writes it. */
static Value *
through_memory(const DomainType *type, Value *value)
{
    g_autofree gpointer memory = g_malloc0(type->size);
    g_autofree gpointer copy = g_malloc0(type->size);
    g_autoptr(GError) error = NULL;
    domain_type_read(type, value, memory, &error);
    g_assert_no_error(error);
    domain_type_copy(type, memory, copy);
    domain_type_clear(type, memory);
    Value *written = domain_type_write(type, copy);
    domain_type_clear(type, copy);
    return written;
}

static void
assert_returns(const Wire *wire, const DomainType *type, Value *value)
{
    g_autoptr(Value) wanted = through_memory(type, value);
    g_autoptr(Value) came = wire->over(type, wanted);
    g_autoptr(Value) got = through_memory(type, came);
    if (value_equal(got, wanted))
        return;
    g_autoptr(GString) text = g_string_new(NULL);
    json_write_value(text, wanted);
    g_string_append(text, "\nbecame\n");
    json_write_value(text, got);
    g_error("%s: %s\n%s", wire->name, type->name, text->str);
}

static void
test_type(const Wire *wire, const DomainType *type, GRand *rand)
{
    const Maker maker = {rand, wire->is_bus};
    for (int round = 0; round < ROUNDS; round++) {
        g_autoptr(Value) value = make(&maker, type);
        assert_returns(wire, type, value);
    }
    gboolean is_variant = type->kind == DOMAIN_KIND_VARIANT || type->kind == DOMAIN_KIND_ENUM;
    for (gsize i = 0; is_variant && i < type->n_members; i++) {
        g_autoptr(Value) value = make_variant(&maker, &type->members[i]);
        assert_returns(wire, type, value);
    }
}

static void
test_wire(gconstpointer data)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(SEED);
    g_test_message("seed %d", SEED);
    for (gsize i = 0; i < domain_n_types; i++)
        test_type(data, domain_types[i], rand);
    for (gsize i = 0; i < domain_n_methods; i++)
        test_type(data, domain_methods[i].args, rand);
}

/* ---- What only D-Bus has */

static void
test_nothing_is_zero(void)
{
    for (gsize i = 0; i < domain_n_types; i++) {
        g_autoptr(GVariant) none = domain_variant_from_value(domain_types[i], NULL);
        g_autoptr(GVariant) marshalled = over_message(none);
        g_assert_cmpstr(g_variant_get_type_string(marshalled), ==, domain_types[i]->signature);
    }
}

static void
test_unprinted_members(void)
{
    static const char text[] = "{\"protocol\":\"Vt100\",\"port\":0,\"path\":\"/s\"}";
    g_autoptr(Value) console = json_read(text, strlen(text), NULL);
    g_assert_nonnull(console);
    g_autoptr(Value) back = over_dbus(&domain_type_vm_console, console);
    g_assert_null(value_map_get(back, "path"));
    g_assert_nonnull(value_map_get(back, "port"));
}

typedef struct RefusalCase {
    const char *name;
    const DomainType *type;
    const char *variant; /* in GVariant's text format */
    const char *complaint;
} RefusalCase;

static const RefusalCase refusals[] = {
    {"another-type", &domain_type_disk, "('x',)", "disk: expected (i(ss)), found (s)"},
    {"a-negative-constructor", &domain_type_power_state, "(-1,)", "power_state has no constructor number -1"},
    {"a-constructor-that-is-not-there", &domain_type_disk, "(2, ('a', 'b'))",
     "disk has no constructor number 2"},
    {"a-wrong-constructor-within", &domain_type_vbd_qos, "(0, ((0, ((9, (int64 0,)), (0, (int64 0,)))),))",
     "Vbd.qos_class has no constructor number 9"},
};

static void
test_refusal(gconstpointer data)
{
    const RefusalCase *row = data;
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) variant = g_variant_parse(NULL, row->variant, NULL, NULL, &error);
    g_assert_no_error(error);
    g_assert_null(domain_variant_to_value(row->type, variant, &error));
    g_assert_cmpstr(error->message, ==, row->complaint);
}

static void
test_too_many_values(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree gint64 *numbers = g_new0(gint64, DOMAIN_VARIANT_MAX_VALUES + 1);
    g_autoptr(GVariant) list = g_variant_ref_sink(g_variant_new_fixed_array(
        G_VARIANT_TYPE_INT64, numbers, DOMAIN_VARIANT_MAX_VALUES + 1, sizeof *numbers));
    g_assert_null(domain_variant_to_value(&domain_type_int64_list, list, &error));
    g_assert_cmpstr(error->message, ==, "more than 1000000 values");
}

static void
test_bad_text(void)
{
    g_autoptr(Value) text = value_string_sized("a\xff\x62", 3);
    g_autoptr(GVariant) variant = domain_variant_from_value(&domain_type_string, text);
    g_assert_cmpstr(g_variant_get_string(variant, NULL), ==,
                    "a\xef\xbf\xbd"
                    "b");
}

/* The signature of what the introspection data tells clients is the one calls are read by. */
static void
test_introspection(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GDBusNodeInfo) node = g_dbus_node_info_new_for_xml(domain_dbus_introspection, &error);
    g_assert_no_error(error);
    for (gsize i = 0; i < domain_n_methods; i++) {
        const DomainMethod *method = &domain_methods[i];
        g_auto(GStrv) parts = g_strsplit(method->name, ".", 2);
        g_autofree char *name = g_strdup_printf("%s.%s", domain_dbus_name, parts[0]);
        GDBusInterfaceInfo *interface = g_dbus_node_info_lookup_interface(node, name);
        g_assert_nonnull(interface);
        GDBusMethodInfo *info = g_dbus_interface_info_lookup_method(interface, parts[1]);
        g_assert_nonnull(info);
        g_autoptr(GString) signature = g_string_new("(");
        for (GDBusArgInfo **arg = info->in_args; *arg != NULL; arg++)
            g_string_append(signature, (*arg)->signature);
        g_string_append_c(signature, ')');
        g_assert_cmpstr(method->args->signature, ==, signature->str);
        g_assert_cmpuint(signature->len, <=, SIGNATURE_MAX);
        g_assert_cmpstr(method->result == NULL ? NULL : method->result->signature, ==,
                        info->out_args == NULL || info->out_args[0] == NULL ? NULL
                                                                            : info->out_args[0]->signature);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(wires); i++) {
        g_autofree char *path =
            g_strdup_printf("/domain/round_trip/values-of-every-type-survive-%s", wires[i].name);
        g_test_add_data_func(path, &wires[i], test_wire);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(refusals); i++) {
        g_autofree char *path = g_strdup_printf("/domain/dbus/variant/refuses-%s", refusals[i].name);
        g_test_add_data_func(path, &refusals[i], test_refusal);
    }
    g_test_add_func("/domain/dbus/variant/refuses-too-many-values", test_too_many_values);
    g_test_add_func("/domain/dbus/variant/nothing-is-zero", test_nothing_is_zero);
    g_test_add_func("/domain/dbus/variant/leaves-out-what-the-document-does-not-print",
                    test_unprinted_members);
    g_test_add_func("/domain/dbus/variant/makes-texts-valid", test_bad_text);
    g_test_add_func("/domain/dbus/variant/introspection-has-the-signatures-of-calls", test_introspection);
    return g_test_run();
}
