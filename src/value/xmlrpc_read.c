/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* XML-RPC input: libxml2's SAX events drive a stack of open elements; a table says which element may stand in
 * which.
 *
 * The XML parser is kept per thread, since making one costs more than reading a call. */
#include "value/xmlrpc.h"

#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

G_DEFINE_QUARK(xmlrpc - fault - quark, xmlrpc_fault)

typedef enum Element {
    ELEMENT_NONE, /* around the root */
    ELEMENT_METHOD_CALL,
    ELEMENT_METHOD_NAME,
    ELEMENT_METHOD_RESPONSE,
    ELEMENT_FAULT,
    ELEMENT_PARAMS,
    ELEMENT_PARAM,
    ELEMENT_VALUE,
    ELEMENT_STRING,
    ELEMENT_INT,
    ELEMENT_BOOLEAN,
    ELEMENT_DOUBLE,
    ELEMENT_DATETIME,
    ELEMENT_NIL,
    ELEMENT_ARRAY,
    ELEMENT_DATA,
    ELEMENT_STRUCT,
    ELEMENT_MEMBER,
    ELEMENT_NAME,
} Element;

#define IN(element) (1u << ELEMENT_##element)
#define TYPE_TAG    IN(VALUE)

typedef struct ElementInfo {
    const char *name;
    Element element;
    guint parents;    /* IN() of where it may stand */
    guint required;   /* IN() of children of which it must have one */
    gboolean is_text; /* else white space alone may stand in it */
    gboolean repeats; /* may stand in its parent more than once */
} ElementInfo;

/* clang-format off */
static const ElementInfo elements[] = {
    /* the frequent ones first */
    {"value",            ELEMENT_VALUE,           IN(NONE) | IN(PARAM) | IN(FAULT) | IN(DATA) | IN(MEMBER), 0, TRUE, TRUE},
    {"member",           ELEMENT_MEMBER,          IN(STRUCT),                       IN(VALUE),       FALSE, TRUE },
    {"name",             ELEMENT_NAME,            IN(MEMBER),                       0,               TRUE,  FALSE},
    {"string",           ELEMENT_STRING,          TYPE_TAG,                         0,               TRUE,  FALSE},
    {"param",            ELEMENT_PARAM,           IN(PARAMS),                       IN(VALUE),       FALSE, TRUE },
    {"boolean",          ELEMENT_BOOLEAN,         TYPE_TAG,                         0,               TRUE,  FALSE},
    {"int",              ELEMENT_INT,             TYPE_TAG,                         0,               TRUE,  FALSE},
    {"i4",               ELEMENT_INT,             TYPE_TAG,                         0,               TRUE,  FALSE},
    {"i8",               ELEMENT_INT,             TYPE_TAG,                         0,               TRUE,  FALSE},
    {"double",           ELEMENT_DOUBLE,          TYPE_TAG,                         0,               TRUE,  FALSE},
    {"dateTime.iso8601", ELEMENT_DATETIME,        TYPE_TAG,                         0,               TRUE,  FALSE},
    {"nil",              ELEMENT_NIL,             TYPE_TAG,                         0,               FALSE, FALSE},
    {"struct",           ELEMENT_STRUCT,          TYPE_TAG,                         0,               FALSE, FALSE},
    {"array",            ELEMENT_ARRAY,           TYPE_TAG,                         0,               FALSE, FALSE},
    {"data",             ELEMENT_DATA,            IN(ARRAY),                        0,               FALSE, FALSE},
    {"params",           ELEMENT_PARAMS,          IN(METHOD_CALL) | IN(METHOD_RESPONSE), 0,          FALSE, FALSE},
    {"methodCall",       ELEMENT_METHOD_CALL,     IN(NONE),                         IN(METHOD_NAME), FALSE, FALSE},
    {"methodName",       ELEMENT_METHOD_NAME,     IN(METHOD_CALL),                  0,               TRUE,  FALSE},
    {"methodResponse",   ELEMENT_METHOD_RESPONSE, IN(NONE),          IN(PARAMS) | IN(FAULT),         FALSE, FALSE},
    {"fault",            ELEMENT_FAULT,           IN(METHOD_RESPONSE),              IN(VALUE),       FALSE, FALSE},
};
/* clang-format on */

/* Each level of values opens at most three elements (value, struct, member). */
#define FRAMES_MAX (XMLRPC_MAX_DEPTH * 3 + 8)

/* An open element. */
typedef struct Frame {
    const ElementInfo *info;
    guint seen;   /* IN() of its children so far */
    Value *value; /* array or map being filled (PARAMS, DATA, STRUCT); else what its child made */
    char *name;   /* MEMBER's */
} Frame;

typedef struct Reader {
    xmlParserCtxt *parser;
    gboolean
        is_used_up;  /* names from outside are in the parser's dictionary, which only grows: take a new one */
    Element root;    /* the only element accepted as root */
    GError *error;   /* the first one */
    char *xml_error; /* the parser's first complaint */
    guint n_frames;
    guint n_values;
    guint value_depth;
    GString *text; /* of the innermost element that takes text */
    char *method;
    Value *result; /* params of a call, value of a reply, bare value */
    Value *fault;
    Frame frames[FRAMES_MAX];
} Reader;

static void fail(Reader *reader, BaseError code, const char *format, ...) G_GNUC_PRINTF(3, 4);

static void
fail(Reader *reader, BaseError code, const char *format, ...)
{
    va_list args;

    if (reader->error == NULL) {
        va_start(args, format);
        g_autofree char *what = g_strdup_vprintf(format, args);
        va_end(args);
        base_error_set(&reader->error, code, "XML-RPC: %s", what);
    }
    xmlStopParser(reader->parser);
}

static gboolean
is_white(const char *text, gsize length)
{
    for (gsize i = 0; i < length; i++) {
        if (text[i] != ' ' && text[i] != '\n' && text[i] != '\t' && text[i] != '\r')
            return FALSE;
    }
    return TRUE;
}

/* The text so far without white space around it. */
static const char *
stripped_text(Reader *reader)
{
    return g_strstrip(reader->text->str);
}

static Frame *
top_frame(Reader *reader)
{
    return reader->n_frames > 0 ? &reader->frames[reader->n_frames - 1] : NULL;
}

static const ElementInfo *
find_element(const char *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS(elements); i++) {
        if (name[0] == elements[i].name[0] && strcmp(name, elements[i].name) == 0)
            return &elements[i];
    }
    return NULL;
}

static gboolean
may_follow(const Frame *parent, const ElementInfo *child)
{
    Element in = parent->info->element;

    if (in == ELEMENT_VALUE || in == ELEMENT_METHOD_RESPONSE)
        return parent->seen == 0;
    if (in == ELEMENT_MEMBER && child->element == ELEMENT_VALUE)
        return parent->seen == IN(NAME);
    if (in == ELEMENT_METHOD_CALL && child->element == ELEMENT_PARAMS)
        return parent->seen == IN(METHOD_NAME);
    if (in == ELEMENT_PARAM || in == ELEMENT_FAULT)
        return parent->seen == 0;
    return child->repeats || (parent->seen & (1u << child->element)) == 0;
}

static gboolean
check_place(Reader *reader, Frame *parent, const ElementInfo *info)
{
    Element in = parent != NULL ? parent->info->element : ELEMENT_NONE;

    if ((info->parents & (1u << in)) == 0 || (in == ELEMENT_NONE && info->element != reader->root)) {
        fail(reader, BASE_ERROR_INVALID, "<%s> cannot stand in <%s>", info->name,
             parent != NULL ? parent->info->name : "the document");
        return FALSE;
    }
    if (parent != NULL && !may_follow(parent, info)) {
        fail(reader, BASE_ERROR_INVALID, "<%s> is out of place or too many in <%s>", info->name,
             parent->info->name);
        return FALSE;
    }
    if (in == ELEMENT_VALUE && !is_white(reader->text->str, reader->text->len)) {
        fail(reader, BASE_ERROR_INVALID, "text beside <%s> in <value>", info->name);
        return FALSE;
    }
    return TRUE;
}

static gboolean
check_bounds(Reader *reader, const ElementInfo *info)
{
    if (info->element == ELEMENT_VALUE) {
        if (++reader->value_depth > XMLRPC_MAX_DEPTH) {
            fail(reader, BASE_ERROR_TOO_LARGE, "values are nested deeper than %d", XMLRPC_MAX_DEPTH);
            return FALSE;
        }
        if (++reader->n_values > XMLRPC_MAX_VALUES) {
            fail(reader, BASE_ERROR_TOO_LARGE, "more than %d values", XMLRPC_MAX_VALUES);
            return FALSE;
        }
    }
    g_assert(reader->n_frames < FRAMES_MAX); /* by the table, at most three elements for each value */
    return TRUE;
}

static void
element_started(Reader *reader, const char *name)
{
    const ElementInfo *info = find_element(name);
    Frame *parent = top_frame(reader);

    if (info == NULL) {
        fail(reader, BASE_ERROR_INVALID, "unknown element <%.40s>", name);
        return;
    }
    if (!check_place(reader, parent, info) || !check_bounds(reader, info))
        return;
    if (parent != NULL)
        parent->seen |= 1u << info->element;

    Frame *frame = &reader->frames[reader->n_frames++];
    *frame = (Frame){.info = info};
    if (info->element == ELEMENT_PARAMS || info->element == ELEMENT_DATA)
        frame->value = value_array_new(0);
    else if (info->element == ELEMENT_STRUCT)
        frame->value = value_map_new(0);
    if (info->is_text)
        g_string_truncate(reader->text, 0);
}

static Value *
read_boolean(Reader *reader)
{
    const char *text = stripped_text(reader);

    if (strcmp(text, "1") == 0 || strcmp(text, "0") == 0)
        return value_bool(*text == '1');
    fail(reader, BASE_ERROR_INVALID, "not a boolean: '%.40s'", text);
    return NULL;
}

static Value *
read_int(Reader *reader)
{
    const char *text = stripped_text(reader);
    gint64 number;

    if (base_int_parse(text, &number))
        return value_int(number);
    fail(reader, BASE_ERROR_INVALID, "not an integer of 64 bits: '%.40s'", text);
    return NULL;
}

static Value *
read_double(Reader *reader)
{
    const char *text = stripped_text(reader);
    double number;

    if (base_float_parse(text, &number))
        return value_float(number);
    fail(reader, BASE_ERROR_INVALID, "not a number: '%.40s'", text);
    return NULL;
}

/* A bad date is passed on as a string: the API has an answer of its own for it, which type_coerce() gives. */
static Value *
read_datetime(Reader *reader)
{
    const char *text = stripped_text(reader);
    gint64 unix_seconds;

    return base_time_from_wire(text, &unix_seconds, NULL) ? value_datetime_text(text) : value_string(text);
}

/* Containers that stayed empty become the shared empty one. */
static Value *
finished_container(Frame *frame)
{
    if (frame->value == NULL)
        return value_array_empty(); /* <array/> */
    if (value_size(frame->value) > 0)
        return g_steal_pointer(&frame->value);
    gboolean is_map = value_kind(frame->value) == VALUE_MAP;
    g_clear_pointer(&frame->value, value_unref);
    return is_map ? value_map_empty() : value_array_empty();
}

/* What the element that ends stands for; NULL for none, or after fail(). */
static Value *
finished_value(Reader *reader, Frame *frame)
{
    switch (frame->info->element) {
    case ELEMENT_VALUE:
        if (frame->value != NULL)
            return g_steal_pointer(&frame->value);
        return value_string_sized(reader->text->str, reader->text->len);
    case ELEMENT_STRING:
        return value_string_sized(reader->text->str, reader->text->len);
    case ELEMENT_INT:
        return read_int(reader);
    case ELEMENT_BOOLEAN:
        return read_boolean(reader);
    case ELEMENT_DOUBLE:
        return read_double(reader);
    case ELEMENT_DATETIME:
        return read_datetime(reader);
    case ELEMENT_NIL:
        return value_nil();
    case ELEMENT_ARRAY:
    case ELEMENT_DATA:
    case ELEMENT_STRUCT:
    case ELEMENT_PARAMS:
        return finished_container(frame);
    case ELEMENT_PARAM:
    case ELEMENT_FAULT:
        return g_steal_pointer(&frame->value);
    default:
        return NULL;
    }
}

static void
read_method_name(Reader *reader)
{
    const char *name = stripped_text(reader);

    if (*name == '\0')
        fail(reader, BASE_ERROR_INVALID, "<methodName> is empty");
    else
        reader->method = g_strdup(name);
}

/* Gives @value to the element around the one that ended, or to the reader. */
static void
deliver(Reader *reader, Frame *parent, Element from, Value *value)
{
    if (from == ELEMENT_FAULT)
        reader->fault = value;
    else if (parent == NULL || from == ELEMENT_PARAMS)
        reader->result = value;
    else if (parent->info->element == ELEMENT_DATA || parent->info->element == ELEMENT_PARAMS)
        value_array_add(parent->value, value);
    else
        parent->value = value;
}

static void
element_ended(Reader *reader)
{
    Frame *frame = top_frame(reader);
    Frame *parent = reader->n_frames > 1 ? frame - 1 : NULL;
    Element element = frame->info->element;

    if (frame->info->required != 0 && (frame->info->required & frame->seen) == 0) {
        fail(reader, BASE_ERROR_INVALID, "<%s> lacks its content", frame->info->name);
        return;
    }
    if (element == ELEMENT_VALUE)
        reader->value_depth--;
    if (element == ELEMENT_METHOD_NAME)
        read_method_name(reader);
    else if (element == ELEMENT_NAME)
        parent->name = g_strndup(reader->text->str, reader->text->len);
    else if (element == ELEMENT_MEMBER)
        value_map_set(parent->value, frame->name, g_steal_pointer(&frame->value));

    Value *value = finished_value(reader, frame);
    if (value != NULL)
        deliver(reader, parent, element, value);
    g_clear_pointer(&frame->name, g_free);
    reader->n_frames--;
}

static void
on_start(void *data, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri, int n_namespaces,
         const xmlChar **namespaces, int n_attributes, int n_defaulted, const xmlChar **attributes)
{
    Reader *reader = data;

    if (prefix != NULL || n_namespaces > 0 || n_attributes > 0)
        reader->is_used_up = TRUE;
    if (reader->error == NULL)
        element_started(reader, (const char *)name);
}

static void
on_end(void *data, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
    Reader *reader = data;

    if (reader->error == NULL)
        element_ended(reader);
}

static void
on_characters(void *data, const xmlChar *text, int length)
{
    Reader *reader = data;
    const Frame *frame = top_frame(reader);

    if (reader->error != NULL || frame == NULL)
        return;
    if (frame->info->is_text && frame->seen == 0)
        g_string_append_len(reader->text, (const char *)text, length);
    else if (!is_white((const char *)text, (gsize)length))
        fail(reader, BASE_ERROR_INVALID, "text in <%s>", frame->info->name);
}

static void
on_doctype(void *data, const xmlChar *name, const xmlChar *external_id, const xmlChar *system_id)
{
    fail(data, BASE_ERROR_INVALID, "a document type is refused");
}

static void
on_processing_instruction(void *data, const xmlChar *target, const xmlChar *content)
{
    fail(data, BASE_ERROR_INVALID, "a processing instruction is refused");
}

static void
on_xml_error(void *data, xmlErrorPtr xml_error)
{
    Reader *reader = data;

    if (reader->xml_error == NULL && xml_error->level >= XML_ERR_ERROR)
        reader->xml_error = g_strdup_printf(
            "%s (line %d)", xml_error->message != NULL ? xml_error->message : "malformed", xml_error->line);
}

/* No entity is declared here, so libxml2 knows the five predefined ones only. */
static const xmlSAXHandler handlers = {
    .initialized = XML_SAX2_MAGIC,
    .startElementNs = on_start,
    .endElementNs = on_end,
    .characters = on_characters,
    .ignorableWhitespace = on_characters,
    .cdataBlock = on_characters,
    .internalSubset = on_doctype,
    .processingInstruction = on_processing_instruction,
    .serror = on_xml_error,
};

static void
drop_parser(Reader *reader)
{
    g_clear_pointer(&reader->parser, xmlFreeParserCtxt);
}

static void
reader_free(gpointer data)
{
    Reader *reader = data;

    drop_parser(reader);
    g_string_free(reader->text, TRUE);
    g_free(reader);
}

static GPrivate thread_reader = G_PRIVATE_INIT(reader_free);

/* libxml2 makes its own locks when they are first needed, and two threads could both be the first. */
static void
init_parser(void)
{
    static gsize once = 0;

    if (!g_once_init_enter(&once))
        return;
    xmlInitParser();
    g_once_init_leave(&once, 1);
}

static Reader *
get_reader(void)
{
    Reader *reader = g_private_get(&thread_reader);

    if (reader == NULL) {
        init_parser();
        reader = g_new0(Reader, 1);
        reader->text = g_string_new(NULL);
        g_private_set(&thread_reader, reader);
    }
    if (reader->parser == NULL) {
        reader->parser = xmlNewParserCtxt();
        g_assert(reader->parser != NULL);
        *reader->parser->sax = handlers;
        reader->parser->userData = reader;
        reader->is_used_up = FALSE;
    }
    return reader;
}

/* Drops what a document that failed has left, and memory that an unusually large one took. */
static void
reader_reset(Reader *reader)
{
    while (reader->n_frames > 0) {
        Frame *frame = &reader->frames[--reader->n_frames];
        g_clear_pointer(&frame->value, value_unref);
        g_clear_pointer(&frame->name, g_free);
    }
    reader->n_values = reader->value_depth = 0;
    g_clear_pointer(&reader->method, g_free);
    g_clear_pointer(&reader->result, value_unref);
    g_clear_pointer(&reader->fault, value_unref);
    g_clear_pointer(&reader->xml_error, g_free);
    if (reader->text->allocated_len > 65536) {
        g_string_free(reader->text, TRUE);
        reader->text = g_string_new(NULL);
    }
    if (reader->is_used_up)
        drop_parser(reader);
}

/* libxml2 is told to ignore the declared encoding, as we know it is UTF-8; a document that says otherwise is
 * refused. */
static gboolean
check_encoding(const char *text, gsize length, GError **error)
{
    static const char *const accepted[] = {"UTF-8", "UTF8", "US-ASCII", "ASCII"};

    if (!base_utf8_is_valid(text, length))
        return base_error_set(error, BASE_ERROR_INVALID, "XML-RPC: not valid UTF-8 text");
    if (length < 5 || memcmp(text, "<?xml", 5) != 0)
        return TRUE;
    const char *end = g_strstr_len(text, (gssize)MIN(length, 256), "?>");
    const char *encoding = end != NULL ? g_strstr_len(text, end - text, "encoding") : NULL;
    if (encoding == NULL)
        return TRUE;

    encoding += strlen("encoding");
    while (encoding < end && strchr(" \t\r\n=\"'", *encoding) != NULL)
        encoding++;
    const char *name_end = encoding;
    while (name_end < end && strchr(" \t\r\n\"'", *name_end) == NULL)
        name_end++;
    gsize name_length = (gsize)(name_end - encoding);
    for (gsize i = 0; i < G_N_ELEMENTS(accepted); i++) {
        if (name_length == strlen(accepted[i]) &&
            g_ascii_strncasecmp(encoding, accepted[i], name_length) == 0)
            return TRUE;
    }
    return base_error_set(error, BASE_ERROR_INVALID,
                          "XML-RPC: encoding '%.*s' is refused, only UTF-8 is read", (int)name_length,
                          encoding);
}

/* The parser reads a string in memory rather than a buffer that could be refilled: it asks for more before
 * each token near the end, which took a third of the time. */
static gboolean
run_parser(Reader *reader, const char *text)
{
    xmlParserCtxt *parser = reader->parser;

    xmlCtxtReset(parser);
    xmlCtxtUseOptions(parser, XML_PARSE_NONET | XML_PARSE_IGNORE_ENC);
    xmlParserInputPtr input = xmlNewStringInputStream(parser, (const xmlChar *)text);
    if (input == NULL || inputPush(parser, input) < 0)
        return FALSE;
    xmlParseDocument(parser);
    xmlFreeDoc(parser->myDoc); /* none is built; NULL is fine */
    parser->myDoc = NULL;
    return parser->wellFormed == 1;
}

static gboolean
parse(Reader *reader, const char *text, gsize length, GError **error)
{
    g_autofree char *terminated = g_strndup(text, length);
    gboolean is_well_formed = run_parser(reader, terminated);

    if (reader->error == NULL && is_well_formed && reader->n_frames == 0)
        return TRUE;
    reader->is_used_up = TRUE;
    if (reader->error != NULL) {
        g_propagate_error(error, g_steal_pointer(&reader->error));
        return FALSE;
    }
    g_autofree char *complaint = g_strdelimit(g_steal_pointer(&reader->xml_error), "\n", ' ');
    return base_error_set(error, BASE_ERROR_INVALID, "XML-RPC: %s",
                          complaint != NULL ? complaint : "malformed");
}

/* Reads a document whose root is @root. The caller takes what it wants from the reader and resets it. */
static gboolean
read_document(Element root, const char *text, gsize length, Reader **ret_reader, GError **error)
{
    static const char byte_order_mark[] = "\xef\xbb\xbf";

    if (length >= 3 && memcmp(text, byte_order_mark, 3) == 0) {
        text += 3;
        length -= 3;
    }
    if (length > G_MAXINT32)
        return base_error_set(error, BASE_ERROR_TOO_LARGE, "XML-RPC: over 2 GiB");
    if (!check_encoding(text, length, error))
        return FALSE;

    Reader *reader = get_reader();
    reader->root = root;
    if (!parse(reader, text, length, error)) {
        reader_reset(reader);
        return FALSE;
    }
    *ret_reader = reader;
    return TRUE;
}

void
xmlrpc_call_clear(XmlrpcCall *call)
{
    g_clear_pointer(&call->method, g_free);
    g_clear_pointer(&call->params, value_unref);
}

gboolean
xmlrpc_read_call(const char *text, gsize length, XmlrpcCall *ret_call, GError **error)
{
    Reader *reader;

    if (!read_document(ELEMENT_METHOD_CALL, text, length, &reader, error))
        return FALSE;
    ret_call->method = g_steal_pointer(&reader->method);
    ret_call->params = reader->result != NULL ? g_steal_pointer(&reader->result) : value_array_empty();
    reader_reset(reader);
    return TRUE;
}

static void
set_fault(const Value *fault, GError **error)
{
    const Value *code = value_kind(fault) == VALUE_MAP ? value_map_get(fault, "faultCode") : NULL;
    gint64 number = 0;

    if (code != NULL && value_kind(code) == VALUE_INT)
        number = value_get_int(code);
    else if (code != NULL && value_kind(code) == VALUE_STRING &&
             !base_int_parse(value_get_string(code), &number))
        number = 0;
    const char *what = value_kind(fault) == VALUE_MAP ? value_map_get_string(fault, "faultString", "") : "";
    g_set_error_literal(error, XMLRPC_FAULT, (int)CLAMP(number, G_MININT, G_MAXINT), what);
}

Value *
xmlrpc_read_reply(const char *text, gsize length, GError **error)
{
    Reader *reader;
    Value *value = NULL;

    if (!read_document(ELEMENT_METHOD_RESPONSE, text, length, &reader, error))
        return NULL;
    if (reader->fault != NULL)
        set_fault(reader->fault, error);
    else if (value_size(reader->result) != 1)
        base_error_set(error, BASE_ERROR_INVALID, "XML-RPC: a reply has one value, this one %" G_GSIZE_FORMAT,
                       value_size(reader->result));
    else
        value = value_ref(value_array_get(reader->result, 0));
    reader_reset(reader);
    return value;
}

Value *
xmlrpc_read_value(const char *text, gsize length, GError **error)
{
    Reader *reader;

    if (!read_document(ELEMENT_VALUE, text, length, &reader, error))
        return NULL;
    Value *value = g_steal_pointer(&reader->result);
    reader_reset(reader);
    return value;
}
