package main

import (
	"slices"

	"fake-buildkite/tests/clients/go-support"

	"github.com/buildkite/go-buildkite/v4"
)

// Who is in the organization, who asks, and what everybody may know.
func people(f *fake) {
	client := f.client()
	page := func(n int) ([]buildkite.Member, *buildkite.Response) {
		members, response, err := client.Members.List(ctx, f.Organization,
			&buildkite.MemberListOptions{ListOptions: buildkite.ListOptions{Page: n, PerPage: 1}})
		must(err)
		return members, response
	}
	first, response := page(1)
	check(response.NextPage, 2)
	check(response.LastPage, 2)
	second, response := page(2)
	check(response.NextPage, 0)
	check(response.PrevPage, 1)
	me, _, err := client.User.CurrentUser(ctx)
	must(err)
	check(first, []buildkite.Member{{UUID: me.ID, Name: f.User.Name, Email: f.User.Email}})
	check(second, []buildkite.Member{{UUID: f.Colleague.ID, Name: f.Colleague.Name, Email: f.Colleague.Email}})
	member, _, err := client.Members.Get(ctx, f.Organization, f.Colleague.ID)
	must(err)
	check(member, second[0])
	_, _, err = client.Members.Get(ctx, f.Organization, noOnes)
	refused(err, 404, "No organization member found")
	_, _, err = f.clientWith(f.ReadOnlyToken).Members.List(ctx, f.Organization, nil)
	refused(err, 403, "Your access token doesn't have the read_organizations scope")

	colleague, _, err := f.clientWith(f.Colleague.Token).User.CurrentUser(ctx)
	must(err)
	check(colleague.ID, f.Colleague.ID)

	// Said to everybody, token or not.
	nobody, err := buildkite.NewClient(buildkite.WithBaseURL(f.URL))
	must(err)
	meta, _, err := nobody.Meta.Get(ctx)
	must(err)
	check(len(meta.WebhookIPs) > 0, true)
}

// The emojis of the second fake, whose organization has one of its own.
func emojis(f *fake) {
	client, err := buildkite.NewOpts(
		buildkite.WithBaseURL(f.Furnished.URL), buildkite.WithTokenAuth(f.Furnished.Token))
	must(err)
	all, _, err := client.ListEmojis(ctx, f.Furnished.Organization)
	must(err)
	check(slices.Contains(all, buildkite.Emoji{Name: "acme", URL: "https://emoji.example.com/acme.png"}), true)
	_, _, err = client.ListEmojis(ctx, "nobody")
	refused(err, 404, "No organization found")
}

// A token that expires says when; one that revokes itself is none any more.
func revokedToken(f *fake) {
	client := f.clientWith(f.Colleague.Token)
	token, _, err := client.AccessTokens.Get(ctx)
	must(err)
	check(token.User.Email, f.Colleague.Email)
	check(token.ExpiresAt.Equal(buildkite.Timestamp{Time: f.Colleague.ExpiresAt}), true)
	isSet(token.CreatedAt)
	lasting, _, err := f.client().AccessTokens.Get(ctx)
	must(err)
	check(lasting.ExpiresAt == nil, true)

	answered(204)(client.AccessTokens.Revoke(ctx))
	_, _, err = client.AccessTokens.Get(ctx)
	refused(err, 401, "Authentication required. Please supply a valid API Access Token: "+
		"https://buildkite.com/docs/apis/rest-api#authentication")
	_, _, err = f.client().AccessTokens.Get(ctx)
	must(err)
}

// What is left of the rate limit; and what becomes of a client that is sent away.
func rateLimits(f *fake) {
	client := f.client()
	usage := func() buildkite.RateLimitScopes {
		limit, _, err := client.RateLimit.Get(ctx, f.Organization)
		must(err)
		return *limit.Scopes
	}
	before, after := usage(), usage()
	check(after.REST.Current, before.REST.Current+1)
	check(after.REST.Limit, int64(200))
	check(after.REST.Enforced, false)
	check(0 < after.REST.Reset && after.REST.Reset <= 60, true)
	check(after.REST.ResetAt.Second(), 0)
	check(after.GraphQL.Current, int64(0))
	check(after.GraphQL.Limit, int64(20_000))

	// The client asks again where nothing can go wrong by it, after half a second of its own.
	hasty := f.clientWith(f.Token, buildkite.WithUserAgent(f.HastyUserAgent))
	user, response, err := hasty.User.CurrentUser(ctx)
	must(err)
	check(user.Email, f.User.Email)
	check(response.StatusCode, 200)

	// Elsewhere it says so.
	create := func() (buildkite.Build, *buildkite.Response, error) {
		return hasty.Builds.Create(ctx, f.Organization, "app",
			buildkite.CreateBuild{Commit: "HEAD", Branch: "main"})
	}
	_, response, err = create()
	body := refused(err, 429,
		"You have exceeded your API rate limit. Please wait 0 seconds before making more requests.")
	check(response.Header.Get("RateLimit-User-Remaining"), "0")
	check(response.Header.Get("RateLimit-Reset"), "0")
	check(body.Reset, 0)
	check(body.Current, body.Limit+1)
	made, _, err := create()
	must(err)
	check(made.Number, 1)
}

// The teams, and those of somebody.
func teams(f *fake) {
	client := f.client()
	list := func(options buildkite.TeamsListOptions) []string {
		all, _, err := client.Teams.List(ctx, f.Organization, &options)
		must(err)
		return support.Names(all, func(team buildkite.Team) string { return team.Slug })
	}
	check(list(buildkite.TeamsListOptions{}), []string{"platform"})
	platform, err := client.Teams.GetTeam(ctx, f.Organization, f.Colleague.Team.ID)
	must(err)
	check(platform.Name, f.Colleague.Team.Name)
	check(platform.Description, "Who keeps it running")
	check(platform.Privacy, "visible")
	check(platform.DefaultMemberRole, "member")

	made, response, err := client.Teams.CreateTeam(ctx, f.Organization, buildkite.CreateTeam{
		Name:                      "Night Shift",
		Description:               "Who is awake",
		Privacy:                   "secret",
		DefaultMemberRole:         "maintainer",
		MembersCanCreatePipelines: true,
	})
	must(err)
	check(response.StatusCode, 201)
	isID(made.ID)
	isSet(made.CreatedAt)
	check(made.CreatedBy.Email, f.User.Email)
	wanted := buildkite.Team{
		ID: made.ID, GraphQLID: made.GraphQLID, CreatedAt: made.CreatedAt, CreatedBy: made.CreatedBy,
		Name: "Night Shift", Slug: "night-shift", Description: "Who is awake", Privacy: "secret",
		DefaultMemberRole: "maintainer", MembersCanCreatePipelines: true,
	}
	check(made, wanted)
	check(list(buildkite.TeamsListOptions{}), []string{"platform", "night-shift"})
	check(list(buildkite.TeamsListOptions{ListOptions: buildkite.ListOptions{Page: 2, PerPage: 1}}),
		[]string{"night-shift"})
	check(list(buildkite.TeamsListOptions{UserID: f.Colleague.ID}), []string{"platform"})
	check(list(buildkite.TeamsListOptions{UserID: noOnes}), []string{})

	changed, response, err := client.Teams.UpdateTeam(ctx, f.Organization, made.ID, buildkite.CreateTeam{
		Name: "Day Shift", Privacy: "visible", DefaultMemberRole: "member",
	})
	must(err)
	check(response.StatusCode, 200)
	check(changed.Name, "Day Shift")
	check(changed.Description, "Who is awake")
	check(changed.MembersCanCreatePipelines, false)
	got, err := client.Teams.GetTeam(ctx, f.Organization, made.ID)
	must(err)
	check(got, changed)

	_, _, err = client.Teams.CreateTeam(ctx, f.Organization, buildkite.CreateTeam{Name: "Platform"})
	refused(err, 422, "Validation failed: Name has already been taken")
	_, _, err = client.Teams.CreateTeam(ctx, f.Organization, buildkite.CreateTeam{})
	refused(err, 422, "Validation failed: Name can't be blank")
	_, _, err = f.clientWith(f.Colleague.Token).Teams.CreateTeam(ctx, f.Organization, buildkite.CreateTeam{Name: "Mine"})
	refused(err, 403, "Forbidden")

	answered(204)(client.Teams.DeleteTeam(ctx, f.Organization, made.ID))
	_, err = client.Teams.GetTeam(ctx, f.Organization, made.ID)
	refused(err, 404, "No team found")
}

// Who is in a team, and as what.
func teamMembers(f *fake) {
	client := f.client()
	service, team := client.TeamMember, f.Colleague.Team.ID
	roles := func() map[string]string {
		members, _, err := service.ListTeamMembers(ctx, f.Organization, team,
			&buildkite.TeamMembersListOptions{ListOptions: buildkite.ListOptions{PerPage: 10}})
		must(err)
		all := map[string]string{}
		for _, member := range members {
			all[member.UserName] = member.Role
		}
		return all
	}
	check(roles(), map[string]string{f.User.Name: "maintainer", f.Colleague.Name: "member"})
	member, err := service.GetTeamMember(ctx, f.Organization, team, f.Colleague.ID)
	must(err)
	check(member.ID, f.Colleague.ID)
	isSet(&member.CreatedAt)

	changed, _, err := service.UpdateTeamMember(ctx, f.Organization, team, f.Colleague.ID, "maintainer")
	must(err)
	check(changed.Role, "maintainer")
	_, _, err = service.UpdateTeamMember(ctx, f.Organization, team, f.Colleague.ID, "king")
	refused(err, 422, "Validation failed: Role is not included in the list")
	answered(204)(service.DeleteTeamMember(ctx, f.Organization, team, f.Colleague.ID))
	check(roles(), map[string]string{f.User.Name: "maintainer"})
	_, err = service.GetTeamMember(ctx, f.Organization, team, f.Colleague.ID)
	refused(err, 404, "No team member found")

	added, response, err := service.CreateTeamMember(ctx, f.Organization, team,
		buildkite.CreateTeamMember{UserID: f.Colleague.ID, Role: "member"})
	must(err)
	check(response.StatusCode, 201)
	check(added.UserName, f.Colleague.Name)
	_, _, err = service.CreateTeamMember(ctx, f.Organization, team, buildkite.CreateTeamMember{UserID: f.Colleague.ID})
	refused(err, 422, "Validation failed: User has already been taken")
	_, _, err = service.CreateTeamMember(ctx, f.Organization, team, buildkite.CreateTeamMember{UserID: noOnes})
	refused(err, 422, "Validation failed: User must exist")
	check(roles(), map[string]string{f.User.Name: "maintainer", f.Colleague.Name: "member"})
}

// What a team may do with a pipeline, and who sees it by that.
func teamPipelines(f *fake) {
	client := f.client()
	service, team := client.TeamPipelines, f.Colleague.Team.ID
	app, _, err := client.Pipelines.Get(ctx, f.Organization, "app")
	must(err)
	colleague := f.clientWith(f.Colleague.Token)
	build := func() error {
		_, _, err := colleague.Builds.Create(ctx, f.Organization, "app",
			buildkite.CreateBuild{Commit: "HEAD", Branch: "main"})
		return err
	}
	list := func() []buildkite.TeamPipeline {
		all, _, err := service.List(ctx, f.Organization, team, &buildkite.TeamPipelinesListOptions{})
		must(err)
		return all
	}
	check(len(list()), 0)

	added, response, err := service.Create(ctx, f.Organization, team,
		buildkite.CreateTeamPipelines{PipelineID: app.ID, AccessLevel: "read_only"})
	must(err)
	check(response.StatusCode, 201)
	check(added.ID, app.ID)
	check(added.URL, app.URL)
	check(added.AccessLevel, "read_only")
	isSet(added.CreatedAt)
	check(list(), []buildkite.TeamPipeline{added})
	refused(build(), 403, "Forbidden")

	changed, _, err := service.Update(ctx, f.Organization, team, app.ID,
		buildkite.UpdateTeamPipelines{AccessLevel: "build_and_read"})
	must(err)
	check(changed.AccessLevel, "build_and_read")
	got, _, err := service.Get(ctx, f.Organization, team, app.ID)
	must(err)
	check(got, changed)
	must(build())

	_, _, err = service.Create(ctx, f.Organization, team,
		buildkite.CreateTeamPipelines{PipelineID: app.ID, AccessLevel: "read_only"})
	refused(err, 422, "Validation failed: Pipeline has already been taken")
	_, _, err = service.Create(ctx, f.Organization, team,
		buildkite.CreateTeamPipelines{PipelineID: noOnes, AccessLevel: "read_only"})
	refused(err, 422, "Validation failed: Pipeline must exist")
	_, _, err = service.Update(ctx, f.Organization, team, app.ID, buildkite.UpdateTeamPipelines{})
	refused(err, 422, "Validation failed: Access level can't be blank")

	answered(204)(service.Delete(ctx, f.Organization, team, app.ID))
	_, _, err = service.Get(ctx, f.Organization, team, app.ID)
	refused(err, 404, "No team pipeline found")
	refused(build(), 404, "No pipeline found")

	// A pipeline can be made for a team.
	made, _, err := client.Pipelines.Create(ctx, f.Organization, buildkite.CreatePipeline{
		Name: "Given", Repository: "git@github.com:acme/given.git", Configuration: "steps: [{command: make}]",
		TeamUuids: []string{team},
	})
	must(err)
	check(list()[0].ID, made.ID)
	check(list()[0].AccessLevel, "manage_build_and_read")
}
