/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads the settings of an LDAP directory: one row a key, then the defaults that follow from others. */
#include "auth/directory_config.h"

#include "auth/directory.h"
#include "base/text.h"
#include <string.h>

#define TIMEOUT_DEFAULT_S 10
#define TIMEOUT_MAX_S     60
#define VALUE_MAX_BYTES   4096

typedef struct ConfigText {
    const char *key;
    gsize offset; /* of the char * in DirectoryConfig */
} ConfigText;

#define TEXT(key, member)                                                                                    \
    {                                                                                                        \
        key, G_STRUCT_OFFSET(DirectoryConfig, member)                                                        \
    }

/* "user" and "pass" are what XenAPI's clients give for Active Directory, "bind-dn" what other LDAP clients
 * say. */
static const ConfigText texts[] = {
    TEXT("uri", uri),
    TEXT("base-dn", base_dn),
    TEXT("user", bind_name),
    TEXT("bind-dn", bind_name),
    TEXT(DIRECTORY_PASSWORD_KEY, password),
    TEXT("ca-file", ca_file),
    TEXT("workgroup", workgroup),
    TEXT("user-attribute", user_attribute),
    TEXT("group-attribute", group_attribute),
};

/* Read elsewhere, or of no meaning here: "ou" and "disable_modules" are about the machine's own account and
 * modules in a domain, which this server does not join: it only asks. "domain" is what probe() answers. */
static const char *const other_keys[] = {"server", "tls", "timeout", "ou", "disable_modules", "domain", NULL};

void
directory_config_free(DirectoryConfig *config)
{
    if (config == NULL)
        return;
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++)
        g_clear_pointer((char **)G_STRUCT_MEMBER_P(config, texts[i].offset), g_free);
    g_free(config->service_name);
    g_free(config);
}

static gboolean
fail(GError **error, const char *key, const char *why)
{
    g_set_error(error, DIRECTORY_ERROR, DIRECTORY_ERROR_FAILED, "setting '%s': %s", key, why);
    return FALSE;
}

static const ConfigText *
find_text(const char *key)
{
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        if (g_str_equal(texts[i].key, key))
            return &texts[i];
    }
    return NULL;
}

static gboolean
read_texts(DirectoryConfig *config, const Value *map, GError **error)
{
    for (gsize i = 0; i < value_size(map); i++) {
        const char *key = value_map_key(map, i);
        const char *text = value_get_string(value_map_value(map, i));
        const ConfigText *known = find_text(key);
        if (known == NULL && !g_strv_contains(other_keys, key))
            return fail(error, key, "unknown");
        if (strlen(text) > VALUE_MAX_BYTES)
            return fail(error, key, "too long");
        if (known == NULL || *text == '\0')
            continue;
        char **member = (char **)G_STRUCT_MEMBER_P(config, known->offset);
        if (*member != NULL)
            return fail(error, key, "given twice, by another name too");
        *member = g_strdup(text);
    }
    return TRUE;
}

static gboolean
is_host_name(const char *text)
{
    return *text != '\0' && *text != '-' &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") == strlen(text);
}

static gboolean
is_attribute_name(const char *text)
{
    return strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == strlen(text);
}

/* A port may follow, and a literal IPv6 address stand in brackets. */
static gboolean
is_server(const char *text)
{
    return *text != '\0' && strpbrk(text, " /?#@\\") == NULL && g_str_is_ascii(text);
}

/* All of one scheme: what is said about TLS is about all of them. */
static gboolean
check_uris(const DirectoryConfig *config, GError **error)
{
    static const char *const schemes[] = {"ldap://", "ldaps://", "ldapi://"};
    g_auto(GStrv) uris = g_strsplit(config->uri, " ", 0);
    const char *scheme = NULL;
    for (gsize i = 0; i < G_N_ELEMENTS(schemes); i++) {
        if (uris[0] != NULL && g_str_has_prefix(uris[0], schemes[i]))
            scheme = schemes[i];
    }
    for (char **uri = uris; *uri != NULL; uri++) {
        if (scheme == NULL || !g_str_has_prefix(*uri, scheme) || !g_str_is_ascii(*uri))
            return fail(error, "uri", "not ldap://, ldaps:// or ldapi://, or not all of one kind");
    }
    return scheme != NULL || fail(error, "uri", "empty");
}

/* "server" is "uri" for those who have no wish about the scheme. */
static gboolean
read_server(DirectoryConfig *config, const Value *map, GError **error)
{
    const char *server = value_map_get_string(map, "server", "");
    if (config->uri != NULL && *server != '\0')
        return fail(error, "server", "given beside 'uri'");
    if (*server == '\0' && (config->is_active_directory || config->uri != NULL))
        return config->uri == NULL || check_uris(config, error);
    if (*server == '\0')
        server = config->service_name;
    if (!is_server(server))
        return fail(error, "server", "not the name of a server");
    config->uri = g_strconcat("ldap://", server, NULL);
    return TRUE;
}

static gboolean
read_tls(DirectoryConfig *config, const Value *map, GError **error)
{
    const char *tls = value_map_get_string(map, "tls", "start");
    config->starts_tls = g_str_equal(tls, "start");
    return config->starts_tls || g_str_equal(tls, "none") || fail(error, "tls", "neither 'start' nor 'none'");
}

static gboolean
read_timeout(DirectoryConfig *config, const Value *map, GError **error)
{
    gint64 seconds = TIMEOUT_DEFAULT_S;
    const char *text = value_map_get_string(map, "timeout", NULL);
    if (text != NULL && (!base_int_parse(text, &seconds) || seconds < 1 || seconds > TIMEOUT_MAX_S))
        return fail(error, "timeout", "not a number of seconds from 1 to 60");
    config->timeout_s = (guint)seconds;
    return TRUE;
}

/* "dc=example,dc=com" of "example.com" */
static char *
domain_dn(const char *domain)
{
    g_auto(GStrv) labels = g_strsplit(domain, ".", 0);
    g_autofree char *joined = g_strjoinv(",dc=", labels);
    return g_strconcat("dc=", joined, NULL);
}

static gboolean
fill_active_directory(DirectoryConfig *config, GError **error)
{
    if (!is_host_name(config->service_name))
        return fail(error, "service_name", "not the name of a domain");
    if (config->base_dn == NULL)
        config->base_dn = domain_dn(config->service_name);
    if (config->workgroup == NULL) {
        g_auto(GStrv) labels = g_strsplit(config->service_name, ".", 2);
        config->workgroup = g_ascii_strup(labels[0], -1);
    }
    /* A bare name is one of the domain. */
    if (config->bind_name != NULL && strpbrk(config->bind_name, "@\\=") == NULL) {
        char *bare = config->bind_name;
        config->bind_name = g_strdup_printf("%s@%s", bare, config->service_name);
        g_free(bare);
    }
    return TRUE;
}

static gboolean
check(const DirectoryConfig *config, GError **error)
{
    if (!is_attribute_name(config->user_attribute))
        return fail(error, "user-attribute", "not the name of an attribute");
    if (!is_attribute_name(config->group_attribute))
        return fail(error, "group-attribute", "not the name of an attribute");
    /* A directory takes a name without password for nobody's, and says yes. */
    if (config->bind_name != NULL && config->password == NULL)
        return fail(error, DIRECTORY_PASSWORD_KEY, "missing");
    if (config->bind_name == NULL && config->password != NULL)
        return fail(error, "user", "missing");
    if (config->ca_file != NULL && !g_path_is_absolute(config->ca_file))
        return fail(error, "ca-file", "not an absolute path");
    return TRUE;
}

DirectoryConfig *
directory_config_read(const char *service_name, const Value *map, gboolean is_active_directory,
                      GError **error)
{
    g_autoptr(DirectoryConfig) config = g_new0(DirectoryConfig, 1);
    config->is_active_directory = is_active_directory;
    config->service_name = g_strdup(service_name);
    if (!read_texts(config, map, error) || !read_server(config, map, error) ||
        !read_tls(config, map, error) || !read_timeout(config, map, error))
        return NULL;
    if (is_active_directory && !fill_active_directory(config, error))
        return NULL;
    if (config->user_attribute == NULL)
        config->user_attribute = g_strdup(is_active_directory ? "sAMAccountName" : "uid");
    if (config->group_attribute == NULL)
        config->group_attribute = g_strdup(is_active_directory ? "sAMAccountName" : "cn");
    return check(config, error) ? g_steal_pointer(&config) : NULL;
}

static gboolean
is_our_domain(const DirectoryConfig *config, const char *domain)
{
    return g_ascii_strcasecmp(domain, config->service_name) == 0 ||
           (config->workgroup != NULL && g_ascii_strcasecmp(domain, config->workgroup) == 0);
}

char *
directory_config_split(const DirectoryConfig *config, const char *name, gboolean *ret_is_ours)
{
    *ret_is_ours = TRUE;
    const char *backslash = strchr(name, '\\');
    if (backslash != NULL) {
        g_autofree char *domain = g_strndup(name, (gsize)(backslash - name));
        *ret_is_ours = is_our_domain(config, domain);
        return g_strdup(backslash + 1);
    }
    const char *at = strrchr(name, '@');
    if (at == NULL)
        return g_strdup(name);
    *ret_is_ours = is_our_domain(config, at + 1);
    return *ret_is_ours ? g_strndup(name, (gsize)(at - name)) : g_strdup(name);
}
