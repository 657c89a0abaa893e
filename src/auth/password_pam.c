/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* PAM as the judge of names and passwords. */
#include "auth/password.h"

#include "model/errors.h"
#include <security/pam_appl.h>
#include <stdlib.h>
#include <string.h>

static void
free_responses(struct pam_response *responses, int n)
{
    for (int i = 0; i < n; i++)
        free(responses[i].resp);
    free(responses);
}

/* What questions are answered with. */
typedef struct Answers {
    const char *password;     /* every question that hides what is typed ... */
    const char *old_password; /* ... but those for the present password; NULL: none is of that kind */
} Answers;

/* Modules word it in English: the server sets no locale. */
static gboolean
asks_for_old(const char *question)
{
    g_autofree char *text = g_ascii_strdown(question != NULL ? question : "", -1);
    return strstr(text, "old") != NULL || strstr(text, "current") != NULL;
}

/* PAM frees the answers with free(). */
static int
converse(int n, const struct pam_message **messages, struct pam_response **ret_responses, void *data)
{
    const Answers *answers = data;
    if (n <= 0 || n > PAM_MAX_NUM_MSG)
        return PAM_CONV_ERR;
    struct pam_response *responses = calloc((size_t)n, sizeof *responses);
    if (responses == NULL)
        return PAM_BUF_ERR;
    for (int i = 0; i < n; i++) {
        if (messages[i]->msg_style != PAM_PROMPT_ECHO_OFF)
            continue;
        gboolean is_old = answers->old_password != NULL && asks_for_old(messages[i]->msg);
        responses[i].resp = strdup(is_old ? answers->old_password : answers->password);
        if (responses[i].resp == NULL) {
            free_responses(responses, n);
            return PAM_BUF_ERR;
        }
    }
    *ret_responses = responses;
    return PAM_SUCCESS;
}

gboolean
password_pam_check(gpointer service, const char *user, const char *password, GError **error)
{
    Answers answers = {.password = password};
    struct pam_conv conversation = {converse, &answers};
    pam_handle_t *handle = NULL;
    if (pam_start(service, user, &conversation, &handle) != PAM_SUCCESS)
        return password_refuse(user, error);
    int result = pam_authenticate(handle, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
    if (result == PAM_SUCCESS)
        result = pam_acct_mgmt(handle, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
    pam_end(handle, result);
    return result == PAM_SUCCESS || password_refuse(user, error);
}

gboolean
password_pam_change(gpointer service, const char *user, const char *old_password, const char *new_password,
                    GError **error)
{
    Answers answers = {.password = new_password, .old_password = old_password};
    struct pam_conv conversation = {converse, &answers};
    pam_handle_t *handle = NULL;
    if (pam_start(service, user, &conversation, &handle) != PAM_SUCCESS)
        return api_error_change_password_rejected(error, "PAM cannot be asked");
    int result = pam_chauthtok(handle, PAM_SILENT);
    g_autofree char *text = g_strdup(pam_strerror(handle, result));
    pam_end(handle, result);
    return result == PAM_SUCCESS || api_error_change_password_rejected(error, text);
}
