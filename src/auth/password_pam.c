/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* PAM as the judge of names and passwords. */
#include "auth/password.h"

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

/* Answers every question that hides what is typed with the password; PAM frees the answers with free(). */
static int
converse(int n, const struct pam_message **messages, struct pam_response **ret_responses, void *password)
{
    if (n <= 0 || n > PAM_MAX_NUM_MSG)
        return PAM_CONV_ERR;
    struct pam_response *responses = calloc((size_t)n, sizeof *responses);
    if (responses == NULL)
        return PAM_BUF_ERR;
    for (int i = 0; i < n; i++) {
        if (messages[i]->msg_style != PAM_PROMPT_ECHO_OFF)
            continue;
        responses[i].resp = strdup(password);
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
    struct pam_conv conversation = {converse, (void *)password};
    pam_handle_t *handle = NULL;
    if (pam_start(service, user, &conversation, &handle) != PAM_SUCCESS)
        return password_refuse(user, error);
    int result = pam_authenticate(handle, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
    if (result == PAM_SUCCESS)
        result = pam_acct_mgmt(handle, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
    pam_end(handle, result);
    return result == PAM_SUCCESS || password_refuse(user, error);
}
