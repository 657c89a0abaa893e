-- SPDX-License-Identifier: LGPL-2.1-or-later
-- For wrk: posts the bodies in the file that XYLEM_BENCH_BODIES names, one a line, in turn; "@@" in a body becomes a number that goes up.
-- XML goes to "/", JSON to "/jsonrpc".
local bodies, turn, count = {}, 0, 0

local function post(body)
    if body:sub(1, 1) == "{" then
        return wrk.format("POST", "/jsonrpc", { ["Content-Type"] = "application/json" }, body)
    end
    return wrk.format("POST", "/", { ["Content-Type"] = "text/xml" }, body)
end

function init()
    for line in io.lines(os.getenv("XYLEM_BENCH_BODIES")) do
        bodies[#bodies + 1] = line
    end
    if #bodies == 1 and not bodies[1]:find("@@", 1, true) then
        -- One request made once: the client then costs next to nothing.
        local request_text = post(bodies[1])
        request = function() return request_text end
    end
end

function request()
    turn = turn % #bodies + 1
    count = count + 1
    local body = bodies[turn]:gsub("@@", tostring(count))
    return post(body)
end
